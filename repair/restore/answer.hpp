// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/backend.hpp"
#include "repair/process/child_process.hpp"

#include <string>
#include <string_view>

namespace chainkeeper::repair {

// What a restore program has to say, in one line that is fit for a journal: the beginning of its output, without the
// invitation to read its help.
std::string complaint_in(std::string_view output);

// What became of a program that did not do as it was told. Denied where its words say so: its exit codes do not tell a
// denial from other refusals of the kernel.
Outcome refusal_of(const std::string& program, const CommandAnswer& answer);

}  // namespace chainkeeper::repair
