/* The two ends between which a forwarder stands, quick enough that the forwarder is what is measured.

   Usage: ends echo                          print a port; send back there whatever comes, over many connections
          ends sink                          print a port; take streams one by one, compare every byte, tell the verdict
          ends send PORT MIB                 send a stream to the sink; print its verdict
          ends trips PORT COUNT              send one byte to and fro; print the median of the microseconds
          ends ask PORT CONNECTIONS ROUNDS   over all connections at once ask and compare the answers: once, and print
                                             "through"; for a line of input so many times, and print the seconds

   `send` and `ask` hang up at the end of input. Whatever is not as it should be ends the program with 1. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = (1 << 20) + 7, ASKED = 64, ROUND = 256 }; /* the block is repeated; so odd that no swap goes unseen */

static char block[BLOCK], room[BLOCK];

static void must(int holds, const char *what) {
    if (holds) return;
    perror(what);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static int quick(int sock) {
    int yes = 1;
    must(sock >= 0, "socket");
    setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return sock;
}

static int connected(int port) {
    struct sockaddr_in there = {AF_INET, htons(port), {htonl(INADDR_LOOPBACK)}};
    int sock = quick(socket(AF_INET, SOCK_STREAM, 0));
    must(!connect(sock, (struct sockaddr *)&there, sizeof there), "connect");
    return sock;
}

static int listening(void) {
    struct sockaddr_in own = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof own;
    int sock = socket(AF_INET, SOCK_STREAM, 0);
    must(!bind(sock, (struct sockaddr *)&own, sizeof own) && !listen(sock, 4096), "listen");
    getsockname(sock, (struct sockaddr *)&own, &length);
    printf("%d\n", ntohs(own.sin_port));
    fflush(stdout);
    return sock;
}

static void echo(void) {
    struct epoll_event events[ROUND], event = {EPOLLIN, {.fd = listening()}};
    int listener = event.data.fd, epoll = epoll_create1(0);
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(epoll, events, ROUND, -1);
        for (int i = 0; i < ready; i++) {
            int sock = events[i].data.fd;
            if (sock == listener) {
                event.data.fd = quick(accept(listener, 0, 0));
                epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
                continue;
            }
            long count = recv(sock, room, BLOCK, 0);
            if (count <= 0 || send(sock, room, count, MSG_NOSIGNAL) != count) close(sock);
        }
    }
}

/* Take a stream whose length comes first. Returns: whether it was what `give` sends. */
static int is_right(int sock) {
    long left, place = 0, count = recv(sock, &left, sizeof left, MSG_WAITALL);
    for (; count > 0 && left; left -= count, place = (place + count) % BLOCK) {
        count = recv(sock, room, left < BLOCK - place ? left : BLOCK - place, 0);
        if (count <= 0 || memcmp(room, block + place, count)) return 0;
    }
    return !left;
}

static void sink(void) {
    for (int listener = listening();;) {
        int sock = quick(accept(listener, 0, 0));
        send(sock, is_right(sock) ? "right" : "wrong", 5, MSG_NOSIGNAL);
        while (recv(sock, room, BLOCK, 0) > 0) continue;
        close(sock);
    }
}

static void give(int port, long mib) {
    char verdict[6] = "";
    long left = mib << 20;
    int sock = connected(port);
    send(sock, &left, sizeof left, 0);
    for (; left; left -= left < BLOCK ? left : BLOCK) {
        long count = left < BLOCK ? left : BLOCK;
        must(send(sock, block, count, 0) == count, "send");
    }
    must(recv(sock, verdict, 5, MSG_WAITALL) == 5 && !strcmp(verdict, "right"), "what arrived");
    puts(verdict);
    fflush(stdout);
    while (getchar() != EOF) continue;
}

static int rising(const void *one, const void *other) {
    double difference = *(const double *)one - *(const double *)other;
    return (difference > 0) - (difference < 0);
}

static void trips(int port, int count) {
    double *times = calloc(count, sizeof *times);
    int sock = connected(port);
    for (int i = -1; i < count; i++) { /* the first one also waits for the connection */
        double began = now();
        char sent = i, got;
        must(send(sock, &sent, 1, 0) == 1 && recv(sock, &got, 1, 0) == 1 && got == sent, "round trip");
        if (i >= 0) times[i] = (now() - began) * 1e6;
    }
    qsort(times, count, sizeof *times, rising);
    printf("%f\n", times[count / 2]);
}

static struct { int sock, left; char question[ASKED]; } *asking;

static void send_question(int number) {
    must(send(asking[number].sock, asking[number].question, ASKED, 0) == ASKED, "ask");
}

/* Ask over every connection so many times, each again as soon as it has its answer. Returns: the seconds. */
static double ask(int epoll, int connections, int rounds) {
    struct epoll_event events[ROUND];
    double began = now();
    for (int i = 0; i < connections; i++) {
        asking[i].left = rounds;
        send_question(i);
    }
    for (int left = connections * rounds; left;) {
        int ready = epoll_wait(epoll, events, ROUND, -1);
        for (int i = 0; i < ready; i++, left--) {
            int one = events[i].data.u32;
            must(recv(asking[one].sock, room, ASKED, MSG_WAITALL) == ASKED, "answer");
            must(!memcmp(room, asking[one].question, ASKED), "the answer's bytes");
            asking[one].question[0]++; /* no answer is like the one before */
            if (--asking[one].left) send_question(one);
        }
    }
    return now() - began;
}

static void crowd(int port, int connections, int rounds) {
    int epoll = epoll_create1(0);
    asking = calloc(connections, sizeof *asking);
    for (int i = 0; i < connections; i++) {
        struct epoll_event event = {EPOLLIN, {.u32 = i}};
        asking[i].sock = connected(port);
        memcpy(asking[i].question, block + i * 11, ASKED);
        epoll_ctl(epoll, EPOLL_CTL_ADD, asking[i].sock, &event);
    }
    ask(epoll, connections, 1);
    puts("through");
    fflush(stdout);
    must(getchar() != EOF, "input");
    printf("%f\n", ask(epoll, connections, rounds));
    fflush(stdout);
    while (getchar() != EOF) continue;
}

int main(int count, char **words) {
    const char *what = count > 1 ? words[1] : "";
    int numbers[3] = {0};
    unsigned dice = 1;
    for (int i = 0; i < BLOCK; i++) block[i] = (dice = dice * 1664525 + 1013904223) >> 24;
    for (int i = 2; i < count && i < 5; i++) numbers[i - 2] = atoi(words[i]);
    if (!strcmp(what, "echo")) echo();
    if (!strcmp(what, "sink")) sink();
    alarm(300); /* seconds; whatever stands in between may be dead */
    if (!strcmp(what, "send")) give(numbers[0], numbers[1]);
    else if (!strcmp(what, "trips")) trips(numbers[0], numbers[1]);
    else if (!strcmp(what, "ask")) crowd(numbers[0], numbers[1], numbers[2]);
    else return 1;
    return 0;
}
