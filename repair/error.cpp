// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/error.hpp"

#include <cerrno>
#include <fmt/format.h>
#include <system_error>

namespace chainkeeper::repair {

namespace {

bool means_no_nf_tables(int error_number)
{
    return error_number == EPROTONOSUPPORT || error_number == EAFNOSUPPORT || error_number == EOPNOTSUPP;
}

}  // namespace

Error denied_error(std::string_view doing, std::string_view capabilities)
{
    return {ErrorCode::denied,
            fmt::format("{} was refused: it needs {} in this network namespace (run it as root)", doing, capabilities)};
}

Error unsupported_error()
{
    return {ErrorCode::unsupported,
            "this kernel has no nf_tables: load the nf_tables module, or use a kernel built with CONFIG_NF_TABLES"};
}

Error system_error(std::string_view doing, int error_number)
{
    if (error_number == EPERM || error_number == EACCES)
        return denied_error(doing);
    if (means_no_nf_tables(error_number))
        return unsupported_error();
    return {ErrorCode::failed, fmt::format("{} failed: {}", doing, std::generic_category().message(error_number))};
}

}  // namespace chainkeeper::repair
