// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/command/command_line.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>

using namespace chainkeeper::daemon;

int main(int argc, char** argv)
{
    fill_standard_streams();
    Invocation invocation;
    CLI::App app;
    add_command_line(app, invocation);
    if (const auto exit_code = parse_options(app, argc, argv))
        return *exit_code;
    const int exit_code = invocation.run();
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0)
        return exit_code;
    return give_up({}, "its answer could not be written to standard output");
}
