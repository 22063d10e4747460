// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/history/history.hpp"

#include "policies/text_file.hpp"

#include <utility>

namespace chainkeeper::daemon {

History::History(HistoryFile file, const Clock& clock, std::string boot)
    : file_{std::move(file)}, clock_{clock}, boot_{std::move(boot)}
{
    // A file that cannot be read cannot be written either: then the first incident says so.
    if (auto lines = file_.newest(1); lines && !lines->empty())
        last_ = std::move(lines->front());
}

void History::report(const Report& report)
{
    gatherer_.add(report, clock_.now(), clock_.wall());
}

repair::Result<void> History::end_of_look()
{
    return write(gatherer_.end_of_look());
}

repair::Result<void> History::end()
{
    return write(gatherer_.end());
}

repair::Result<void> History::write(const std::optional<Incident>& incident)
{
    if (!incident)
        return {};
    last_ = to_json(*incident, boot_);
    return file_.append(last_);
}

std::string boot_id()
{
    const auto text = policies::read_text_file("/proc/sys/kernel/random/boot_id").value_or("");
    return text.substr(0, text.find('\n'));
}

}  // namespace chainkeeper::daemon
