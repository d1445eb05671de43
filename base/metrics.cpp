#include "base/metrics.h"

#include <algorithm>
#include <cstdio>

#include "base/error.h"

namespace base {
namespace {

constexpr double kMicrosecond = 1e-6;

std::string escaped(const std::string& value) {
  std::string text;
  for (const char c : value) {
    if (c == '\\' || c == '"') text.push_back('\\');
    if (c == '\n')
      text.append("\\n");
    else
      text.push_back(c);
  }
  return text;
}

std::string labelText(const MetricId& id) {
  std::string text;
  for (const auto& [name, value] : id.labels) {
    if (!text.empty()) text.push_back(',');
    text.append(name).append("=\"").append(escaped(value)).append("\"");
  }
  return text;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.10g", value);
  return text;
}

void appendSample(std::string& out, const std::string& name, const std::string& labels,
                  const std::string& value) {
  out.append(name);
  if (!labels.empty()) out.append("{").append(labels).append("}");
  out.append(" ").append(value).append("\n");
}

void appendHistogram(std::string& out, const std::string& name, const std::string& labels,
                     const Histogram& histogram) {
  const auto counts = histogram.cumulative();
  const std::string before = labels.empty() ? "" : labels + ",";
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const std::string bound = i < Histogram::kBounds.size() ? number(Histogram::kBounds.at(i)) : "+Inf";
    appendSample(out, name + "_bucket", before + "le=\"" + bound + "\"", std::to_string(counts.at(i)));
  }
  appendSample(out, name + "_sum", labels, number(histogram.sum()));
  appendSample(out, name + "_count", labels, std::to_string(counts.back()));
}

template <typename T>
T& found(std::map<std::string, std::unique_ptr<T>>& all, const MetricId& id) {
  std::unique_ptr<T>& metric = all[labelText(id)];
  if (!metric) metric = std::make_unique<T>();
  return *metric;
}

}  // namespace

void Histogram::observe(double seconds) noexcept {
  const auto* bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
  buckets_[static_cast<std::size_t>(bound - kBounds.begin())].fetch_add(1, std::memory_order_relaxed);
  const double micros = std::max(seconds, 0.0) / kMicrosecond;
  microseconds_.fetch_add(static_cast<std::uint64_t>(micros), std::memory_order_relaxed);
}

std::array<std::uint64_t, Histogram::kBounds.size() + 1> Histogram::cumulative() const noexcept {
  std::array<std::uint64_t, kBounds.size() + 1> counts{};
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    sum += buckets_[i].load(std::memory_order_relaxed);
    counts[i] = sum;
  }
  return counts;
}

double Histogram::sum() const noexcept {
  return static_cast<double>(microseconds_.load(std::memory_order_relaxed)) * kMicrosecond;
}

Metrics::Family& Metrics::family(const MetricId& id) {
  Family& found = families_[id.name];
  if (found.help.empty()) found.help = id.help;
  return found;
}

Counter& Metrics::counter(const MetricId& id) {
  const std::lock_guard lock(mutex_);
  Family& all = family(id);
  CHECK(all.gauges.empty() && all.histograms.empty());
  return found(all.counters, id);
}

Gauge& Metrics::gauge(const MetricId& id) {
  const std::lock_guard lock(mutex_);
  Family& all = family(id);
  CHECK(all.counters.empty() && all.histograms.empty());
  return found(all.gauges, id);
}

Histogram& Metrics::histogram(const MetricId& id) {
  const std::lock_guard lock(mutex_);
  Family& all = family(id);
  CHECK(all.counters.empty() && all.gauges.empty());
  return found(all.histograms, id);
}

std::string Metrics::text() const {
  const std::lock_guard lock(mutex_);
  std::string out;
  for (const auto& [name, family] : families_) {
    const char* kind = !family.counters.empty() ? "counter" : family.gauges.empty() ? "histogram" : "gauge";
    out.append("# HELP ").append(name).append(" ").append(family.help).append("\n");
    out.append("# TYPE ").append(name).append(" ").append(kind).append("\n");
    for (const auto& [labels, counter] : family.counters)
      appendSample(out, name, labels, std::to_string(counter->value()));
    for (const auto& [labels, gauge] : family.gauges)
      appendSample(out, name, labels, std::to_string(gauge->value()));
    for (const auto& [labels, histogram] : family.histograms)
      appendHistogram(out, name, labels, *histogram);
  }
  return out;
}

}  // namespace base
