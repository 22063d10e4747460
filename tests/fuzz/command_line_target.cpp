// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/lock_holder.hpp"
#include "daemon/kubelet/kubelet_flags.hpp"
#include "tests/fuzz/property.hpp"

#include <algorithm>

using namespace chainkeeper;
using tests::must_hold;

// The command line of a process, and the same bytes as the line of its stat file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto text = tests::text_of(data, size);
    const auto arguments = daemon::arguments_of(text);
    must_hold(std::ranges::none_of(arguments, [](const auto& word) { return word.find('\0') != std::string::npos; }),
              "an argument ends at its zero byte");
    if (!arguments.empty())
        must_hold(text.find(daemon::program_of(arguments.front())) != std::string_view::npos,
                  "the program is named in its command line");
    const auto flags = daemon::kubelet_flags(arguments);
    static_cast<void>(daemon::go_bool(flags.make_chains));
    static_cast<void>(daemon::doctor::start_ticks(text));
    return 0;
}
