// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/culprit.hpp"

namespace chainkeeper::daemon {

std::string_view to_string(Confidence confidence)
{
    switch (confidence) {
    case Confidence::none: return "none";
    case Confidence::job: return "job";
    case Confidence::burst: return "burst";
    case Confidence::process: return "process";
    }
    return "unknown";
}

}  // namespace chainkeeper::daemon
