// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/process/file_descriptor.hpp"

namespace chainkeeper::daemon {

using repair::FileDescriptor;

}  // namespace chainkeeper::daemon
