// LD_PRELOAD for a test: the name "two.example" has the addresses 127.0.0.9 and 127.0.0.1, in this order.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>

typedef int Resolve(const char*, const char*, const struct addrinfo*, struct addrinfo**);

int getaddrinfo(const char* name, const char* service, const struct addrinfo* hints, struct addrinfo** result) {
  Resolve* const real = (Resolve*)dlsym(RTLD_NEXT, "getaddrinfo");
  if (name == NULL || strcmp(name, "two.example") != 0) return real(name, service, hints, result);
  struct addrinfo* second = NULL;
  int failed = real("127.0.0.9", service, hints, result);
  if (failed == 0) failed = real("127.0.0.1", service, hints, &second);
  if (failed != 0) return failed;
  struct addrinfo* last = *result;
  while (last->ai_next != NULL) last = last->ai_next;
  last->ai_next = second;
  return 0;
}
