// What the router says itself, when no process of an app answers.
#pragma once

#include "runner/detail/caddy_json.h"

namespace runner::detail {

/// One of the states that an app without backends is in. Each has its name in the names of sets (RouteFiles).
struct RouterPage {
  const char* state;
  int status;
  const char* title;
  const char* text;     ///< a sentence; Caddy's placeholders in it are replaced, so only ones without markup
  const char* command;  ///< what the owner types; nullptr: nothing
  int retryAfterS;      ///< 0: nobody knows
};

/// Of the states beside "serving". {fairlead.app} stands for the app's name.
const RouterPage& maintenancePage();
const RouterPage& startingPage();
const RouterPage& crashedPage();
const RouterPage& nonePage();
const RouterPage& unknownPage();
/// For a proxy that failed: its status is Caddy's.
const RouterPage& failurePage();

/// A handler that answers with the page: as HTML for whoever accepts that, which is browsers, else as a line
/// of text. Small and without anything from elsewhere, since who has no app has no other place to take it
/// from.
CaddyValue answerWith(const RouterPage& page);

}  // namespace runner::detail
