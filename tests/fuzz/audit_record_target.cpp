// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/audit_record.hpp"
#include "tests/fuzz/property.hpp"

#include <fmt/format.h>
#include <span>
#include <string>

using namespace chainkeeper;
using daemon::NetfilterConfig;
using tests::must_hold;

namespace {

// As the kernel writes it.
std::string record_of(const NetfilterConfig& config)
{
    std::string comm;
    for (const char character : config.comm)
        comm += fmt::format("{:02X}", static_cast<unsigned char>(character));
    const auto family = !config.family ? 7 : *config.family == repair::Family::ipv4 ? 2 : 10;
    return fmt::format("audit(1.2:3): table={}{} family={} entries={} op={} pid={} subj=unconfined comm={}",
                       config.table, config.operation.starts_with("nft_") ? ":27" : "", family, config.entries,
                       config.operation, config.pid, comm);
}

void read_text(std::string_view text)
{
    const auto config = daemon::netfilter_config_from(text);
    if (!config)
        return;
    must_hold(text.find(config->table) != std::string_view::npos, "the table is one that the record names");
    const auto again = daemon::netfilter_config_from(record_of(*config));
    // Of a name that was nothing but a generation, nothing is left.
    must_hold(config->table.empty() ? !again || again->table.empty() : again == config,
              "what the kernel writes is read as it was");
}

}  // namespace

// The text of a record, and the same bytes as a datagram.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    read_text(tests::text_of(data, size));
    unsigned records = 0;
    const auto malformed = daemon::read_audit_records(std::as_bytes(std::span{data, size}),
                                                      [&](const NetfilterConfig& /*config*/) { ++records; });
    must_hold(malformed + records <= size / 16 + 1, "a message is at least as long as its header");
    return 0;
}
