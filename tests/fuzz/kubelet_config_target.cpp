// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kubelet/kubelet_config.hpp"
#include "daemon/kubelet/printable.hpp"
#include "tests/fuzz/property.hpp"

#include <string>

using namespace chainkeeper;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string text{tests::text_of(data, size)};
    if (const auto key = daemon::chains_key_in(text); !key)
        tests::must_be_printable(daemon::printable(key.error(), 512));
    return 0;
}
