// SPDX-License-Identifier: GPL-2.0-or-later
// The compiled half of fmt, once for the whole project. Debian has it as a shared library alone, which would tie a
// package to one distribution; with FMT_HEADER_ONLY every file would compile it anew.
#include <fmt/format-inl.h>

FMT_BEGIN_NAMESPACE
namespace detail {

template FMT_API auto thousands_sep_impl(locale_ref) -> thousands_sep_result<char>;
template FMT_API auto decimal_point_impl(locale_ref) -> char;
template FMT_API void buffer<char>::append(const char*, const char*);
template FMT_API void vformat_to(buffer<char>&, string_view, basic_format_args<buffer_context<char>>, locale_ref);

}  // namespace detail
FMT_END_NAMESPACE
