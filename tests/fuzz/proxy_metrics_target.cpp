// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/proxy_metrics.hpp"
#include "tests/fuzz/property.hpp"

#include <cmath>
#include <fmt/format.h>

using namespace chainkeeper;
using namespace chainkeeper::daemon;
using tests::must_hold;

namespace {

std::string line_of(const doctor::MetricSample& sample)
{
    auto line = sample.name + "{";
    for (const auto& [name, value] : sample.labels) {
        line += name + "=\"";
        for (const char character : value)
            line += character == '\n'                       ? "\\n"
                    : character == '"' || character == '\\' ? std::string{'\\', character}
                                                            : std::string{character};
        line += "\",";
    }
    return fmt::format("{}}} {}", line, sample.value);
}

void read_lines(std::string_view text)
{
    while (!text.empty()) {
        const auto sample = doctor::metric_sample(tests::take_line(text));
        if (sample && std::isfinite(sample->value))
            must_hold(doctor::metric_sample(line_of(*sample)) == sample, "a sample that was written is read as it was");
    }
}

}  // namespace

// What kube-proxy answers.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto text = tests::text_of(data, size);
    read_lines(text);
    const auto metrics = doctor::proxy_metrics(text);
    must_hold(metrics.families.size() <= 4, "there are a few families");
    for (const auto& [name, syncs] : metrics.families) {
        must_hold(syncs.buckets.size() <= 64, "there are a few buckets");
        for (const double share : {0.0, 0.5, 0.99, 1.0})
            if (const auto seconds = doctor::quantile(syncs.buckets, share))
                must_hold(std::isfinite(*seconds) && *seconds >= 0, "a quantile is a time");
    }
    return 0;
}
