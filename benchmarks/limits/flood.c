/* Send small numbered datagrams as fast as the kernel takes them, and print how many it took.
   Usage: flood ADDRESS PORT SECONDS        each is 16 bytes, of which 8 are its number, the largest byte first */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <endian.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#define AT_ONCE 64 /* datagrams for one call */

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

int main(int count, char **words) {
    static uint64_t payloads[AT_ONCE][2];
    static struct iovec parts[AT_ONCE];
    static struct mmsghdr batch[AT_ONCE];
    uint64_t sent = 0;
    int sock = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET};

    if (count != 4 || sock < 0 || inet_pton(AF_INET, words[1], &to.sin_addr) != 1)
        return 2;
    to.sin_port = htons(atoi(words[2]));
    if (connect(sock, (struct sockaddr *)&to, sizeof to))
        return 2;
    for (int i = 0; i < AT_ONCE; i++) {
        parts[i] = (struct iovec){payloads[i], sizeof payloads[i]};
        batch[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    for (double end = now() + atof(words[3]); now() < end;) {
        for (int i = 0; i < AT_ONCE; i++)
            payloads[i][0] = htobe64(sent + i);
        int taken = sendmmsg(sock, batch, AT_ONCE, 0);
        if (taken < 0)
            return 1;
        sent += taken;
    }
    printf("%llu\n", (unsigned long long)sent);
    return 0;
}
