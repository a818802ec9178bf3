/* Preloaded before libc: the time of day is what the kernel says, less what stands in a file that others may change. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile long *set_back; /* seconds */

static void look(void)
{
    static const long never = 0;
    const char *path = getenv("CLOCK_SET_BACK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *shared = file < 0 ? MAP_FAILED : mmap(NULL, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
    if (file >= 0)
        close(file);
    set_back = shared == MAP_FAILED ? &never : shared;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int (*kernels)(clockid_t, struct timespec *);
    if (!kernels)
        kernels = dlsym(RTLD_NEXT, "clock_gettime");
    int refused = kernels(clock, now);
    if (clock == CLOCK_REALTIME && !refused) {
        if (!set_back)
            look();
        now->tv_sec -= *set_back;
    }
    return refused;
}

time_t time(time_t *told)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (told)
        *told = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict told, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    told->tv_sec = now.tv_sec;
    told->tv_usec = now.tv_nsec / 1000;
    return 0;
}
