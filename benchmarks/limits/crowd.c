/* The bare system calls of a crowd, with epoll: the two roles of sockets_lab/fourtuples/roles.py, line for line.
 *
 * Usage: crowd host SHARE UNTIL DESCRIPTOR      clients that are taken in at a listener, and get their byte back
 *        crowd guests SHARE UNTIL HOST:PORT AT_ONCE SOURCE...      clients that connect, each with a byte
 * UNTIL: seconds of the monotonic clock. Says "ready", waits for a line, plays, tells how many, holds all until its
 * standard input ends.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { AT_ONCE = 256, EVENTS = 1024 };
static int epoll, share, done, at_once;
static double until;
static const char *ended_early = "";

static int patience(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double left = until - now.tv_sec - now.tv_nsec / 1e9;
    return left > 0 ? (int)(left * 1000) : 0;
}

static void wait_for(int how, int descriptor, unsigned events, unsigned char byte) {
    struct epoll_event event = {.events = events, .data.u64 = (unsigned)descriptor | (unsigned long long)byte << 32};
    if (epoll_ctl(epoll, how, descriptor, &event)) ended_early = "epoll_ctl";
}

static int listener;

static int take_in(int most) {
    for (int count = 0; count < most; count++) {
        struct sockaddr_in peer;
        socklen_t size = sizeof peer;
        int client = accept4(listener, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client < 0) {
            if (errno != EAGAIN && errno != ECONNABORTED) ended_early = strerrorname_np(errno);
            return count;
        }
        wait_for(EPOLL_CTL_ADD, client, EPOLLIN, 0);
    }
    return most;
}

static void answer(int client) {
    char byte;
    if (recv(client, &byte, 1, 0) == 1 && send(client, &byte, 1, MSG_NOSIGNAL) == 1) done++;
    else ended_early = "ECONNRESET";
}

static void play_host(void) {
    struct epoll_event events[EVENTS];
    int left = share;
    wait_for(EPOLL_CTL_ADD, listener, EPOLLIN, 0);
    while (done < share && !*ended_early) {
        int count = epoll_wait(epoll, events, EVENTS, patience());
        if (count <= 0) ended_early = "DEADLINE";
        for (int one = 0; one < count; one++) {
            int descriptor = (int)(unsigned)events[one].data.u64;
            if (descriptor != listener) answer(descriptor);
            else if (left) left -= take_in(left < AT_ONCE ? left : AT_ONCE);
            else epoll_ctl(epoll, EPOLL_CTL_DEL, listener, NULL);
        }
    }
}

static struct sockaddr_in host, *sources;
static int sources_count;

static int sent(int descriptor, unsigned char byte) {
    if (send(descriptor, &byte, 1, MSG_NOSIGNAL) == 1) return 1;
    if (errno != EAGAIN) ended_early = strerrorname_np(errno);
    return 0;
}

static void begin(int number) {
    unsigned char byte = number % 256;
    int on = 1, descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (sources_count) {
        setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        struct sockaddr_in *source = &sources[number % sources_count];
        if (bind(descriptor, (struct sockaddr *)source, sizeof *source)) ended_early = strerrorname_np(errno);
    }
    if (connect(descriptor, (struct sockaddr *)&host, sizeof host) && errno != EINPROGRESS)
        ended_early = strerrorname_np(errno);
    wait_for(EPOLL_CTL_ADD, descriptor, sent(descriptor, byte) ? EPOLLIN : EPOLLOUT, byte);
}

static void play_guests(void) {
    struct epoll_event events[EVENTS];
    int begun = 0;
    while (done < share && !*ended_early) {
        while (begun < share && begun - done < at_once && !*ended_early) begin(begun++);
        int count = epoll_wait(epoll, events, EVENTS, patience());
        if (count <= 0) ended_early = "DEADLINE";
        for (int one = 0; one < count; one++) {
            int descriptor = (int)(unsigned)events[one].data.u64;
            unsigned char byte = events[one].data.u64 >> 32, back;
            if (events[one].events & EPOLLIN) {
                if (recv(descriptor, &back, 1, 0) == 1 && back == byte) done++;
                else ended_early = "ECONNRESET";
            } else if (sent(descriptor, byte)) {
                wait_for(EPOLL_CTL_MOD, descriptor, EPOLLIN, byte);
            }
        }
    }
}

static struct sockaddr_in address(const char *text, int port) {
    struct sockaddr_in found = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, text, &found.sin_addr) != 1 || ntohl(found.sin_addr.s_addr) >> 24 != 127) exit(2);
    return found;
}

int main(int count, char **words) {
    if (count < 5) return 2;
    char line[16], *colon = strchr(words[4], ':');
    share = atoi(words[2]);
    until = atof(words[3]);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (colon) {
        if (count < 6) return 2;
        *colon = 0;
        at_once = atoi(words[5]);
        host = address(words[4], atoi(colon + 1));
        sources_count = count - 6;
        sources = calloc(sources_count + 1, sizeof *sources);
        for (int one = 0; one < sources_count; one++) sources[one] = address(words[6 + one], 0);
    } else {
        listener = atoi(words[4]);
    }
    puts("ready");
    fflush(stdout);
    if (read(0, line, sizeof line) <= 0) return 0;
    if (colon) play_guests();
    else play_host();
    printf("%d %s\n", done, ended_early);
    fflush(stdout);
    while (read(0, line, sizeof line) > 0) continue;
    return 0;
}
