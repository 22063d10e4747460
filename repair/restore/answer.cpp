// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/restore/answer.hpp"

#include "repair/printable.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace chainkeeper::repair {

namespace {

using namespace std::string_view_literals;

constexpr std::size_t longest_complaint = 300;

// strerror(3) of EACCES and EPERM. iptables never calls setlocale, and speaks no other language.
constexpr std::array words_of_denial{"Permission denied"sv, "Operation not permitted"sv};

bool is_denied(std::string_view output)
{
    return std::ranges::any_of(words_of_denial,
                               [&](std::string_view words) { return output.find(words) != std::string_view::npos; });
}

}  // namespace

std::string complaint_in(std::string_view output)
{
    std::string complaint;
    while (!output.empty() && complaint.size() < longest_complaint) {
        auto line = output.substr(0, output.find('\n'));
        output.remove_prefix(std::min(line.size() + 1, output.size()));
        if (line.ends_with('.'))
            line.remove_suffix(1);
        if (line.empty() || line.starts_with("Try `"))
            continue;
        complaint += complaint.empty() ? "" : "; ";
        complaint += line;
    }
    return printable(std::string_view{complaint}.substr(0, longest_complaint));
}

Outcome refusal_of(const std::string& program, const CommandAnswer& answer)
{
    if (!answer.ended)
        return {.kind = Outcome::Kind::failed, .detail = fmt::format("{} did not end in time and was killed", program)};
    const auto complaint = complaint_in(answer.output);
    return {.kind = is_denied(answer.output) ? Outcome::Kind::denied : Outcome::Kind::failed,
            .detail = fmt::format("{} ended with {}{}{}", program, answer.exit_code, complaint.empty() ? "" : ": ",
                                  complaint)};
}

}  // namespace chainkeeper::repair
