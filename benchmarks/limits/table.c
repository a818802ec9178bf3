/* The limit of reading the TCP socket table: dump it, step over the messages, and do nothing with them.

   Usage: table [owners]
   Prints the rows and the processor's seconds. With an argument it also walks /proc/PID/fd, as whoever looks for owners
   must, and prints the links to sockets and the seconds of the walk. */

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define STATES 0x1f7e /* those of linux/tcp_states.h, 1 to 12, without TCP_CLOSE */

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

/* The older question: it is answered with the sockets of both families, in one walk, as the course asks. */
static long dump(void)
{
    static char part[1 << 16] __attribute__((aligned(8)));
    struct {
        struct nlmsghdr header;
        struct inet_diag_req request;
    } asked = {
        {sizeof asked, TCPDIAG_GETSOCK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0},
        {.idiag_family = AF_UNSPEC, .idiag_states = STATES},
    };
    int kernel = socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);
    long rows = 0;

    if (kernel < 0 || send(kernel, &asked, sizeof asked, 0) < 0)
        exit(1);
    for (;;) {
        ssize_t left = recv(kernel, part, sizeof part, 0);
        if (left <= 0)
            exit(1);
        for (struct nlmsghdr *message = (void *)part; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
            if (message->nlmsg_type == NLMSG_ERROR)
                exit(1);
            if (message->nlmsg_type == NLMSG_DONE) {
                close(kernel);
                return rows;
            }
            rows++;
        }
    }
}

static long walk(void)
{
    char path[300], target[64];
    struct dirent *process, *descriptor;
    DIR *processes = opendir("/proc");
    long sockets = 0;

    while ((process = readdir(processes))) {
        int folder;
        if (!isdigit(process->d_name[0]))
            continue;
        snprintf(path, sizeof path, "/proc/%s/fd", process->d_name);
        if ((folder = open(path, O_RDONLY | O_DIRECTORY)) < 0)
            continue;
        DIR *descriptors = fdopendir(folder);
        while ((descriptor = readdir(descriptors)))
            if (isdigit(descriptor->d_name[0]) && readlinkat(folder, descriptor->d_name, target, sizeof target) > 8)
                sockets += !memcmp(target, "socket:[", 8);
        closedir(descriptors);
    }
    closedir(processes);
    return sockets;
}

int main(int count, char **arguments)
{
    double begun = seconds();
    long found = dump();

    (void)arguments;
    printf("%ld %.6f\n", found, seconds() - begun);
    if (count > 1) {
        begun = seconds();
        found = walk();
        printf("%ld %.6f\n", found, seconds() - begun);
    }
    return 0;
}
