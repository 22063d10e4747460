// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kubelet/journal_line.hpp"
#include "daemon/kubelet/kubelet_version.hpp"
#include "daemon/kubelet/printable.hpp"
#include "tests/fuzz/property.hpp"

using namespace chainkeeper;
using daemon::KubeletLine;
using tests::must_hold;

// The MESSAGE of a journal entry, and the same as what `kubelet --version` prints.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    constexpr std::size_t most = 200;
    const auto text = tests::text_of(data, size);
    if (const auto line = daemon::kubelet_line_from_message(text)) {
        tests::must_be_printable(line->version);
        must_hold((line->kind == KubeletLine::Kind::version) == !line->version.empty(), "a version is there, or not");
        must_hold(line->family || line->kind == KubeletLine::Kind::version ||
                      line->kind == KubeletLine::Kind::no_iptables,
                  "a report is about a family");
    }
    if (const auto error = daemon::kubelet_error_from_message(text)) {
        const auto shown = daemon::printable(*error, most);
        tests::must_be_printable(shown);
        must_hold(shown.size() <= most, "what is shown is short");
    }
    if (const auto version = daemon::version_in_output(text))
        tests::must_be_printable(*version);
    return 0;
}
