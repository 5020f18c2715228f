// What a static program must not call. glibc's getaddrinfo, dlopen and iconv load shared objects at run time, which
// must be of the version of glibc that was linked: elsewhere they fail or crash. Nothing here needs them:
// net::resolve_name() makes addresses of names, /etc/passwd is read, and OpenSSL's providers are compiled in. Objects
// of Boost, OpenSSL and libstdc++ mention them all the same, so the linker puts these in their place (--wrap), which
// fail.
// `./resmon test static` checks that the program has none of glibc's.
//
// Linked into the static client only.

#include <iconv.h>
#include <netdb.h>

#include <cerrno>

extern "C" {

int __wrap_getaddrinfo(const char*, const char*, const addrinfo*, addrinfo** found) {
  *found = nullptr;
  return EAI_FAIL;
}
void __wrap_freeaddrinfo(addrinfo*) {}
hostent* __wrap_gethostbyname(const char*) {
  return nullptr;
}

void* __wrap_dlopen(const char*, int) {
  return nullptr;
}
void* __wrap_dlsym(void*, const char*) {
  return nullptr;
}
int __wrap_dlclose(void*) {
  return -1;
}
char* __wrap_dlerror() {
  static char text[] = "a static program loads nothing";
  return text;
}

// For character sets that libstdc++'s locales never ask for here.
iconv_t __wrap_iconv_open(const char*, const char*) {
  errno = EINVAL;
  return reinterpret_cast<iconv_t>(-1);
}
std::size_t __wrap_iconv(iconv_t, char**, std::size_t*, char**, std::size_t*) {
  errno = EBADF;
  return static_cast<std::size_t>(-1);
}
int __wrap_iconv_close(iconv_t) {
  return -1;
}

}  // extern "C"
