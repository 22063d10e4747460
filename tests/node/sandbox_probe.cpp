// SPDX-License-Identifier: GPL-2.0-or-later
//
// Tries what a sandbox should refuse, takes it back, and prints a line for each: "mount: done", or what was the matter.
// Linked with nothing of ours; always ends with 0.

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

struct Attempt {
    const char* name;
    // An error number, or 0.
    int (*make)();
};

int error_of(long result)
{
    return result < 0 ? errno : 0;
}

int open_to_write(const char* path, int flags)
{
    const int descriptor = open(path, O_WRONLY | O_CLOEXEC | flags, S_IRUSR);
    const int error = error_of(descriptor);
    if (error == 0)
        close(descriptor);
    return error;
}

int make_file(const char* path)
{
    const int error = open_to_write(path, O_CREAT | O_EXCL);
    if (error == 0)
        unlink(path);
    return error;
}

int in_child(int (*what)())
{
    const pid_t child = fork();
    if (child == 0)
        _exit(what());
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EFAULT;
}

int execute_shell()
{
    execl("/bin/sh", "sh", "-c", "exit 0", nullptr);
    return errno;
}

int mount_something()
{
    const int error = error_of(mount("tmpfs", "/mnt", "tmpfs", 0, nullptr));
    if (error == 0)
        umount("/mnt");
    return error;
}

int map_writable_code()
{
    void* const mapped = mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED)
        return errno;
    munmap(mapped, 4096);
    return 0;
}

int make_data_executable()
{
    void* const mapped = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const int error = error_of(mprotect(mapped, 4096, PROT_READ | PROT_EXEC));
    munmap(mapped, 4096);
    return error;
}

// Without a file there is nothing to be loaded: who may load is told that (EBADF), where the kernel has modules at all.
int load_module()
{
    const int error = error_of(syscall(SYS_finit_module, -1, "", 0));
    return error == EBADF || error == ENOSYS ? 0 : error;
}

int open_packet_socket()
{
    const int descriptor = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    const int error = error_of(descriptor);
    if (error == 0)
        close(descriptor);
    return error;
}

// As the group of root may: tests/node/sandbox_test.cpp listens there.
int reach_container_runtime()
{
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = "/run/containerd/containerd.sock"};
    const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    // The interface takes any address by this pointer.
    const int error = error_of(connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address));
    close(descriptor);
    return error;
}

constexpr Attempt attempts[]{
    {"write to /etc", [] { return make_file("/etc/sandbox-probe"); }},
    {"write to /usr", [] { return make_file("/usr/sandbox-probe"); }},
    {"write to /var/lib", [] { return make_file("/var/lib/sandbox-probe"); }},
    {"write to /proc/sys", [] { return open_to_write("/proc/sys/net/ipv4/ip_forward", 0); }},
    {"look into /root", [] { return error_of(access("/root", R_OK | X_OK)); }},
    {"read the shadow file", [] { return error_of(access("/etc/shadow", R_OK)); }},
    {"reach a container runtime", reach_container_runtime},
    {"load a module", load_module},
    {"trace", [] { return in_child([] { return error_of(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); }); }},
    {"mount", mount_something},
    {"make a user namespace", [] { return in_child([] { return error_of(unshare(CLONE_NEWUSER)); }); }},
    {"open a packet socket", open_packet_socket},
    {"map writable code", map_writable_code},
    {"make data executable", make_data_executable},
    {"become root", [] { return in_child([] { return error_of(setuid(0)); }); }},
    {"execute a shell", [] { return in_child(execute_shell); }},
};

}  // namespace

int main()
{
    for (const auto& attempt : attempts) {
        errno = 0;
        const int error = attempt.make();
        std::printf("%s: %s\n", attempt.name, error == 0 ? "done" : std::strerror(error));
    }
    return 0;
}
