#include "base/metrics.h"

#include <gmock/gmock.h>

#include <thread>

namespace base {
namespace {

using testing::HasSubstr;

TEST(Metrics, WritesCountersWithTheirLabels) {
  Metrics metrics;
  metrics.counter({"pushes_total", "Pushes, by result.", {{"result", "accepted"}}}).add(3);
  metrics.counter({"pushes_total", "Pushes, by result.", {{"result", "a \"b\"\\\n"}}}).add();
  EXPECT_EQ(metrics.text(),
            "# HELP pushes_total Pushes, by result.\n"
            "# TYPE pushes_total counter\n"
            "pushes_total{result=\"a \\\"b\\\"\\\\\\n\"} 1\n"
            "pushes_total{result=\"accepted\"} 3\n");
}

TEST(Metrics, HandsOutTheSameMetricForTheSameId) {
  Metrics metrics;
  const MetricId id{"open", "Open connections.", {}};
  metrics.gauge(id).add(5);
  metrics.gauge(id).add(-2);
  EXPECT_EQ(metrics.gauge(id).value(), 3);
  EXPECT_THAT(metrics.text(), HasSubstr("# TYPE open gauge\nopen 3\n"));
}

TEST(Metrics, HistogramsCountEveryBucketBelow) {
  Metrics metrics;
  Histogram& seconds = metrics.histogram({"seconds", "Seconds.", {{"phase", "receive"}}});
  seconds.observe(0.002);
  seconds.observe(0.0025);
  seconds.observe(1e9);
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("seconds_bucket{phase=\"receive\",le=\"0.001\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("seconds_bucket{phase=\"receive\",le=\"0.0025\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("seconds_bucket{phase=\"receive\",le=\"600\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("seconds_bucket{phase=\"receive\",le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("seconds_count{phase=\"receive\"} 3\n"));
}

TEST(Metrics, CountsFromManyThreads) {
  Metrics metrics;
  const MetricId id{"n_total", "n.", {}};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 1000; ++j)
        metrics.counter(id).add();
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(metrics.counter(id).value(), 4000u);
}

}  // namespace
}  // namespace base
