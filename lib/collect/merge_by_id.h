#pragma once

// A list of things with ids in ascending order is brought up to date with a new list of ids, in place: no second list
// of all processes is kept for it.

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace resmon::collect {

// Afterwards `things` has exactly the ids id_of(0) to id_of(count - 1), which ascend: those that it had as they were,
// the others new. forget(thing) is called for those that go, in their order.
template <class Thing, class IdOf, class Forget>
void merge_by_id(std::vector<Thing>& things, std::size_t count, IdOf id_of, Forget forget) {
  std::size_t kept = 0;
  std::size_t wanted = 0;
  for (Thing& thing : things) {
    while (wanted < count && id_of(wanted) < thing.id) ++wanted;
    if (wanted == count || id_of(wanted) != thing.id) {
      forget(thing);
      continue;
    }
    Thing& place = things[kept++];
    if (&place != &thing) place = std::move(thing);
  }
  // A vector would double its memory for a single one more.
  if (count > things.capacity()) things.reserve(count + count / 8 + 8);
  things.resize(count);
  // From the end, so that what moves up is not in the way. Once as many are kept as are left, all are in their places.
  for (std::size_t to = count; to != kept;) {
    --to;
    if (kept != 0 && things[kept - 1].id == id_of(to)) {
      things[to] = std::move(things[--kept]);
    } else {
      things[to] = Thing();
      things[to].id = id_of(to);
    }
  }
}

}  // namespace resmon::collect
