/* Preloaded into a program under test: fsync and fdatasync take as many milliseconds longer as the first byte of the file named by
   CHAOS_SYNC_DELAY_FILE says, times ten. The file is mapped, so that the test changes it while the program runs. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const volatile unsigned char* delay;

__attribute__((constructor)) static void begin(void) {
  const char* path = getenv("CHAOS_SYNC_DELAY_FILE");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return;
  void* mapped = mmap(NULL, 1, PROT_READ, MAP_SHARED, file, 0);
  if (mapped != MAP_FAILED) delay = mapped;
  close(file);
}

static void wait_first(void) {
  if (!delay || !*delay) return;
  long milliseconds = *delay * 10L;
  struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  nanosleep(&time, NULL);
}

int fdatasync(int file) {
  static int (*real)(int);
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  wait_first();
  return real(file);
}

int fsync(int file) {
  static int (*real)(int);
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  wait_first();
  return real(file);
}
