// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus/unit_jobs.hpp"

#include <algorithm>
#include <cerrno>
#include <systemd/sd-bus.h>
#include <utility>

namespace chainkeeper::daemon {

namespace {

constexpr const char* manager = "org.freedesktop.systemd1.Manager";

// "uos…": both signals begin alike, and end with the result of the job or without.
int read_signal(sd_bus_message& signal, JobSignal& job)
{
    const char* path = nullptr;
    const char* unit = nullptr;
    const int result = sd_bus_message_read(&signal, "uos", &job.id, &path, &unit);
    if (result <= 0)
        return result < 0 ? result : -EBADMSG;
    job.unit = unit;
    return result;
}

// 0 at the end of the array.
int read_listed(sd_bus_message& reply, ListedJob& job)
{
    const char* unit = nullptr;
    const char* type = nullptr;
    const char* state = nullptr;
    const char* path = nullptr;
    const char* unit_path = nullptr;
    const int result = sd_bus_message_read(&reply, "(usssoo)", &job.id, &unit, &type, &state, &path, &unit_path);
    if (result > 0) {
        job.unit = unit;
        job.type = type;
    }
    return result;
}

}  // namespace

repair::Result<std::vector<ListedJob>> listed_jobs_from(sd_bus_message& reply)
{
    std::vector<ListedJob> jobs;
    int result = sd_bus_message_enter_container(&reply, SD_BUS_TYPE_ARRAY, "(usssoo)");
    while (result > 0) {
        ListedJob job;
        result = read_listed(reply, job);
        if (result > 0)
            jobs.push_back(std::move(job));
    }
    if (result < 0)
        return tl::unexpected(malformed_message_error("systemd's list of jobs", result));
    return jobs;
}

repair::Result<std::optional<JobSignal>> job_signal_from(sd_bus_message& signal)
{
    JobSignal job;
    if (sd_bus_message_is_signal(&signal, manager, "JobRemoved") > 0)
        job.kind = JobSignal::Kind::removed;
    else if (sd_bus_message_is_signal(&signal, manager, "JobNew") <= 0)
        return std::nullopt;
    if (const int result = read_signal(signal, job); result < 0)
        return tl::unexpected(malformed_message_error("systemd's news of a job", result));
    return job;
}

bool UnitJobs::is_ours(const std::string& unit) const
{
    return std::ranges::find(units_, unit) != units_.end();
}

void UnitJobs::hear(const JobSignal& signal, Instant now)
{
    if (signal.kind == JobSignal::Kind::removed)
        jobs_.erase(signal.id);
    else if (is_ours(signal.unit))
        jobs_.try_emplace(signal.id, UnitJob{.unit = signal.unit, .type = {}, .since = now});
}

void UnitJobs::list(const std::vector<ListedJob>& listed, Instant now)
{
    std::map<std::uint32_t, UnitJob> jobs;
    for (const auto& job : listed) {
        if (!is_ours(job.unit))
            continue;
        const auto known = jobs_.find(job.id);
        const auto since = known == jobs_.end() ? now : known->second.since;
        const auto& type = known == jobs_.end() || known->second.type.empty() ? job.type : known->second.type;
        jobs.insert_or_assign(job.id, UnitJob{.unit = job.unit, .type = type, .since = since});
    }
    jobs_ = std::move(jobs);
}

std::vector<UnitJob> UnitJobs::jobs() const
{
    std::vector<UnitJob> jobs;
    jobs.reserve(jobs_.size());
    for (const auto& [id, job] : jobs_)
        jobs.push_back(job);
    return jobs;
}

}  // namespace chainkeeper::daemon
