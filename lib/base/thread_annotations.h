#pragma once

// Clang's thread-safety annotations: what a mutex guards, and what a function needs held. The asan preset, which is
// built by Clang, checks them (-Wthread-safety); other compilers see nothing.
// https://clang.llvm.org/docs/ThreadSafetyAnalysis.html

#if defined(__clang__)
#define RESMON_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define RESMON_THREAD_ANNOTATION(x)
#endif

#define CAPABILITY(x) RESMON_THREAD_ANNOTATION(capability(x))
#define SCOPED_CAPABILITY RESMON_THREAD_ANNOTATION(scoped_lockable)
#define GUARDED_BY(x) RESMON_THREAD_ANNOTATION(guarded_by(x))
#define PT_GUARDED_BY(x) RESMON_THREAD_ANNOTATION(pt_guarded_by(x))
#define REQUIRES(...) RESMON_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define REQUIRES_SHARED(...) RESMON_THREAD_ANNOTATION(requires_shared_capability(__VA_ARGS__))
#define ACQUIRE(...) RESMON_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define ACQUIRE_SHARED(...) RESMON_THREAD_ANNOTATION(acquire_shared_capability(__VA_ARGS__))
#define RELEASE(...) RESMON_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
#define RELEASE_SHARED(...) RESMON_THREAD_ANNOTATION(release_shared_capability(__VA_ARGS__))
#define RELEASE_GENERIC(...) RESMON_THREAD_ANNOTATION(release_generic_capability(__VA_ARGS__))
#define TRY_ACQUIRE(...) RESMON_THREAD_ANNOTATION(try_acquire_capability(__VA_ARGS__))
#define EXCLUDES(...) RESMON_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))
#define ACQUIRED_BEFORE(...) RESMON_THREAD_ANNOTATION(acquired_before(__VA_ARGS__))
#define ASSERT_CAPABILITY(x) RESMON_THREAD_ANNOTATION(assert_capability(x))
#define NO_THREAD_SAFETY_ANALYSIS RESMON_THREAD_ANNOTATION(no_thread_safety_analysis)
