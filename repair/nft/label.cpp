// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/nft/label.hpp"

#include <linux/netfilter/nf_tables_compat.h>

namespace chainkeeper::repair::nft {

void add_label(std::string& labels, std::string_view expression, ByteView data)
{
    static_assert(+NFTA_MATCH_NAME == +NFTA_TARGET_NAME);
    if (!labels.empty())
        labels += ' ';
    labels += expression;
    if (expression != "match" && expression != "target")
        return;
    if (const auto extension = find_string(data, NFTA_MATCH_NAME))
        labels.append(":").append(*extension);
}

}  // namespace chainkeeper::repair::nft
