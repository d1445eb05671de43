#include "gitd/metered_handler.h"

#include <gmock/gmock.h>

#include "tests/unit/gitd/server_fixture.h"

namespace gitd::testing {
namespace {

using ::testing::HasSubstr;

class NoOutput : public base::ByteSink {
 public:
  void write(std::string_view) override {}
};

TEST(MeteredHandler, CountsPushesByResultAndTheirPhases) {
  base::Metrics metrics;
  ScriptedPushHandler inner;
  MeteredHandler handler(inner, metrics);
  bool accept = true;
  inner.onPush = [&](const PushRequest&, base::ByteSink&, const std::stop_token&) {
    PushOutcome outcome;
    outcome.accepted = accept;
    return outcome;
  };
  NoOutput output;
  PushRequest request;
  request.receiveMs = 20;
  EXPECT_TRUE(handler.push(request, output, {}).accepted);
  accept = false;
  EXPECT_FALSE(handler.push(request, output, {}).accepted);
  std::stop_source gone;
  gone.request_stop();
  EXPECT_FALSE(handler.push(request, output, gone.get_token()).accepted);
  handler.received({.bytes = 1000, .objects = 3});
  handler.received({.bytes = 500, .refused = true, .refsRefused = 1});
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("fairlead_push_pack_bytes_total 1500\n"));
  EXPECT_THAT(text, HasSubstr("fairlead_push_pack_objects_total 3\n"));
  EXPECT_THAT(text, HasSubstr("fairlead_push_packs_refused_total 1\n"));
  for (const char* result : {"accepted", "failed", "cancelled", "refused"})
    EXPECT_THAT(text, HasSubstr("fairlead_pushes_total{result=\"" + std::string(result) + "\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("fairlead_push_phase_seconds_bucket{phase=\"receive\",le=\"0.025\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("fairlead_push_phase_seconds_count{phase=\"build\"} 3\n"));
}

}  // namespace
}  // namespace gitd::testing
