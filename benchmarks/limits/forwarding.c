/* The limit of a forwarder: epoll, and splice through one pipe for each direction of each connection; nothing else.

   Usage: forwarding PORT        (forwards to 127.0.0.1:PORT; prints the port at which it listens) */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SIZE = 1 << 20, FLAGS = SPLICE_F_MOVE | SPLICE_F_NONBLOCK, ROUND = 256 };

struct end {
    int sock, in, out, events, finished; /* in, out: the pipe of what comes from here */
    long held;                           /* bytes that are in it */
    struct end *other;
};

static int epoll;

static void wait_for(struct end *end, int events) {
    struct epoll_event event = {events, {end}};
    if (events != end->events) epoll_ctl(epoll, EPOLL_CTL_MOD, end->sock, &event);
    end->events = events;
}

static struct end *new_end(int sock) {
    int pipe[2], yes = 1;
    struct end *end = calloc(1, sizeof *end);
    struct epoll_event event = {EPOLLIN, {end}};
    if (sock < 0 || pipe2(pipe, O_NONBLOCK)) exit(1);
    fcntl(pipe[1], F_SETPIPE_SZ, SIZE);
    fcntl(sock, F_SETFL, O_NONBLOCK);
    setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    *end = (struct end){sock, pipe[1], pipe[0], EPOLLIN};
    epoll_ctl(epoll, EPOLL_CTL_ADD, sock, &event);
    return end;
}

static void join(int client, struct sockaddr_in *target) {
    int sock = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(sock, (struct sockaddr *)target, sizeof *target)) exit(1);
    struct end *one = new_end(client), *two = new_end(sock);
    one->other = two;
    two->other = one;
}

static int broken(long count) { return count < 0 && errno != EAGAIN; }

/* Hand on what came from an end, as far as the other takes it. Returns: whether that one is broken. */
static int drain(struct end *end) {
    long count = 1;
    while (end->held && (count = splice(end->out, 0, end->other->sock, 0, end->held, FLAGS)) > 0) end->held -= count;
    return broken(count);
}

/* Serve one end. Returns: whether its pair is over. */
static int serve(struct end *end, int events) {
    struct end *other = end->other;
    if (events & EPOLLOUT && drain(other)) return 1;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !end->held && !end->finished) {
        long count = splice(end->sock, 0, end->in, 0, SIZE, FLAGS);
        if (broken(count)) return 1;
        if (count > 0) end->held = count;
        if (count > 0 && drain(end)) return 1;
        if (count == 0) {
            end->finished = 1;
            shutdown(other->sock, SHUT_WR);
        }
    }
    wait_for(end, (end->held || end->finished ? 0 : EPOLLIN) | (other->held ? EPOLLOUT : 0));
    wait_for(other, (other->held || other->finished ? 0 : EPOLLIN) | (end->held ? EPOLLOUT : 0));
    return end->finished && other->finished;
}

static void close_end(struct end *end) {
    close(end->sock);
    close(end->in);
    close(end->out);
    end->sock = -1;
}

int main(int count, char **words) {
    struct sockaddr_in own = {AF_INET}, target = {AF_INET};
    socklen_t length = sizeof own;
    struct epoll_event events[ROUND], accepting = {EPOLLIN, {0}};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    own.sin_addr.s_addr = target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    target.sin_port = htons(count > 1 ? atoi(words[1]) : 0);
    if (bind(listener, (struct sockaddr *)&own, sizeof own) || listen(listener, 4096)) return 1;
    getsockname(listener, (struct sockaddr *)&own, &length);
    printf("%d\n", ntohs(own.sin_port));
    fflush(stdout);
    epoll = epoll_create1(0);
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &accepting);
    for (;;) {
        struct end *over[ROUND];
        int ready = epoll_wait(epoll, events, ROUND, -1), ended = 0;
        for (int i = 0, client; i < ready; i++) {
            struct end *end = events[i].data.ptr;
            if (!end)
                while ((client = accept(listener, 0, 0)) >= 0) join(client, &target);
            else if (end->sock >= 0 && serve(end, events[i].events)) {
                close_end(over[ended++] = end);
                close_end(end->other);
            }
        }
        while (ended) { /* only now, as another event of this round may have named them */
            free(over[--ended]->other);
            free(over[ended]);
        }
    }
}
