// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "tests/support/temporary_directory.hpp"

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace chainkeeper::tests {

// A variable of this process and of its children, until the object goes.
class Variable {
public:
    Variable(std::string name, const std::string& value) : name_{std::move(name)}
    {
        if (const char* const before = std::getenv(name_.c_str()); before != nullptr)
            before_ = before;
        setenv(name_.c_str(), value.c_str(), 1);
    }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;
    Variable(Variable&&) = delete;
    Variable& operator=(Variable&&) = delete;
    ~Variable()
    {
        if (before_)
            setenv(name_.c_str(), before_->c_str(), 1);
        else
            unsetenv(name_.c_str());
    }

private:
    std::string name_;
    std::optional<std::string> before_;
};

// A script that is found in PATH before the program of that name.
class ProgramInFront {
public:
    ProgramInFront(const std::string& name, std::string_view script)
        : path_{"PATH", directory_.path().string() + ":" + std::getenv("PATH")}
    {
        directory_.write(name, "#!/bin/sh\n" + std::string{script});
        std::filesystem::permissions(directory_.path() / name, std::filesystem::perms::owner_all);
    }

private:
    TemporaryDirectory directory_;
    Variable path_;
};

}  // namespace chainkeeper::tests
