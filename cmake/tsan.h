// Included before all else where std::timed_mutex is used, under the thread sanitizer: GCC 12's does not know
// pthread_mutex_clocklock, by which that waits, and takes each unlocking for one of a mutex that nobody locked. Without
// it, the library waits by a function that the sanitizer knows.
#pragma once

#include <bits/c++config.h>

#undef _GLIBCXX_USE_PTHREAD_MUTEX_CLOCKLOCK
