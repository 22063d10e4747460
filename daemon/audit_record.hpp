// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/family.hpp"
#include "repair/nft/message.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace chainkeeper::daemon {

// A change of a netfilter table as the kernel's audit tells it, in a record of the type AUDIT_NETFILTER_CFG
// (kernel/auditsc.c, __audit_log_nfcfg). Nothing in it says in which network namespace the table is. Older kernels
// leave out all that stands behind the entries.
struct NetfilterConfig {
    // Any bytes that somebody named an nf_tables table with, without the generation that the kernel puts behind them.
    std::string table;
    std::optional<repair::Family> family;  // nothing for any other: bridge, arp, inet, netdev
    // "xt_register" (a legacy table is made, by a look as well), "xt_replace" (written), "xt_unregister" (it goes, with
    // its module or its network namespace), "nft_register_chain" and so on: the first that a transaction did to a
    // table.
    std::string operation;
    unsigned entries = 0;   // of xt_replace: how many the table had before
    std::uint32_t pid = 0;  // in the first pid namespace; 0 where it is not told
    std::string comm;       // any bytes, as the process has them; empty where it is not told
    bool operator==(const NetfilterConfig&) const = default;
};

// The text of one record: `audit(1700000000.123:45): table=filter family=2 entries=4 op=xt_replace pid=4711
// subj=unconfined comm="iptables"`. Nothing where it has no table or no family; whatever else it lacks, or has in a
// form that is not the kernel's, is left empty: that there was a change is the news.
std::optional<NetfilterConfig> netfilter_config_from(std::string_view text);

// Calls `hear` with the changes of one datagram of audit. Returns how many messages made no sense.
unsigned read_audit_records(repair::nft::ByteView datagram, const std::function<void(const NetfilterConfig&)>& hear);

}  // namespace chainkeeper::daemon
