// GET /fairlead/events: what changed, as lines of JSON or as server-sent events.
#pragma once

#include <functional>

#include "base/http.h"
#include "base/json.h"
#include "controller/access.h"
#include "store/event_store.h"

namespace controller {

base::JsonObject::Ptr renderEvent(const store::Event& event);

/// All outlive the call.
struct EventsRequest {
  base::HttpRequest& request;
  base::HttpResponse& response;
  store::ReleaseStore& store;
  const Access& access;
  std::function<Identity()> authenticate;
};

/// NDJSON of the newest ?num= (100) events, or of those after ?after=ID, of all apps or of ?app=; with
/// ?tail=true it goes on. With "Accept: text/event-stream" server-sent events, which go on; Last-Event-ID
/// resumes. Rights are looked at again while it goes on: with the right the stream ends.
void sendEvents(const EventsRequest& asked);

}  // namespace controller
