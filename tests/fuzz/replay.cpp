// SPDX-License-Identifier: GPL-2.0-or-later
//
// replay CORPUS: gives a fuzz target each file of a folder, and mutations of it, which are the same in every run. Where
// one ends the target, it is named, and kept beside this program.

#include "tests/fuzz/mutation.hpp"
#include "tests/fuzz/property.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <new>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using chainkeeper::tests::mutation;
using chainkeeper::tests::Seed;

constexpr unsigned inputs_wanted = 1500;
constexpr unsigned longest_run = 10;  // seconds of one input, after which it hangs

// Sorted by name, so that mutations are the same everywhere.
std::vector<Seed> read_corpus(const std::filesystem::path& folder)
{
    std::vector<Seed> seeds;
    for (const auto& entry : std::filesystem::directory_iterator{folder}) {
        std::ifstream file{entry.path(), std::ios::binary};
        seeds.push_back({entry.path().filename(), {std::istreambuf_iterator<char>{file}, {}}});
    }
    std::ranges::sort(seeds, {}, &Seed::name);
    return seeds;
}

// Where the target is, in memory that outlives its process.
struct Progress {
    std::atomic<std::size_t> seed = 0;
    std::atomic<unsigned> number = 0;
};

Progress& shared_progress()
{
    auto* const memory = mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        throw std::bad_alloc{};
    return *new (memory) Progress;
}

void run_all(const std::vector<Seed>& seeds, unsigned each, Progress& progress)
{
    for (; progress.seed < seeds.size(); ++progress.seed)
        for (progress.number = 0; progress.number < each; ++progress.number) {
            const auto input = mutation(seeds, progress.seed, progress.number);
            alarm(longest_run);
            LLVMFuzzerTestOneInput(input.data(), input.size());
        }
    alarm(0);
}

std::string ending(int status)
{
    return WIFSIGNALED(status) ? fmt::format("by signal {}", WTERMSIG(status))
                               : fmt::format("with status {}", WEXITSTATUS(status));
}

int report_failure(const std::vector<Seed>& seeds, const Progress& progress, int status, const std::string& kept)
{
    if (progress.seed == seeds.size()) {
        fmt::print("the target ended {} after the last input\n", ending(status));
        return 1;
    }
    const auto input = mutation(seeds, progress.seed, progress.number);
    std::ofstream{kept, std::ios::binary}.write(static_cast<const char*>(static_cast<const void*>(input.data())),
                                                static_cast<std::streamsize>(input.size()));
    fmt::print("the target ended {} at mutation {} of {}, which is kept as {}\n", ending(status),
               progress.number.load(), seeds[progress.seed].name, kept);
    return 1;
}

int replay(const std::string& program, const std::filesystem::path& folder)
{
    const auto seeds = read_corpus(folder);
    if (seeds.empty()) {
        fmt::print("{} has no files\n", folder.string());
        return 1;
    }
    const auto each = std::max(inputs_wanted / static_cast<unsigned>(seeds.size()), 1U);
    auto& progress = shared_progress();
    const auto child = fork();
    if (child == 0) {
        run_all(seeds, each, progress);
        std::exit(0);  // where leaks are looked for
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child)
        throw std::bad_alloc{};
    if (status != 0)
        return report_failure(seeds, progress, status, program + ".failed");
    fmt::print("{} files, {} inputs\n", seeds.size(), seeds.size() * each);
    return 0;
}

}  // namespace

int main(int count, char** arguments)
{
    if (count != 2) {
        fmt::print(stderr, "usage: {} CORPUS\n", arguments[0]);
        return 2;
    }
    try {
        return replay(arguments[0], arguments[1]);
    } catch (const std::exception& exception) {
        fmt::print(stderr, "{}\n", exception.what());
        return 1;
    }
}
