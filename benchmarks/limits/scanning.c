/* The limit of a connect scan: ask TCP ports of 127.0.0.1, from one port of our own, with no more than the system calls.

   Usage: scanning COUNT        (ports 1 to COUNT; prints the open ones) */

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in own = {AF_INET};

static int fresh(int flags) {
    struct linger away = {1, 0};
    int yes = 1, sock = socket(AF_INET, SOCK_STREAM | flags, 0);
    setsockopt(sock, SOL_SOCKET, SO_LINGER, &away, sizeof away);
    setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (sock < 0 || bind(sock, (struct sockaddr *)&own, sizeof own)) exit(1);
    return sock;
}

int main(int count, char **words) {
    struct sockaddr_in there = {AF_INET};
    socklen_t length = sizeof own;
    int last = count > 1 ? atoi(words[1]) : 65535;
    there.sin_addr.s_addr = own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    getsockname(fresh(0), (struct sockaddr *)&own, &length); /* holds the port that all others are bound to */
    int sock = fresh(SOCK_NONBLOCK);
    for (int port = 1; port <= last; port++) {
        there.sin_port = htons(port);
        if (there.sin_port == own.sin_port) continue;
        int code = connect(sock, (struct sockaddr *)&there, sizeof there);
        if (code && errno == EINPROGRESS) code = connect(sock, (struct sockaddr *)&there, sizeof there);
        if (code && errno == ECONNREFUSED) continue;
        if (code) exit(1);
        printf("%d\n", port);
        close(sock);
        sock = fresh(SOCK_NONBLOCK);
    }
    return 0;
}
