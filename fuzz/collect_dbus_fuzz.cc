// Messages of the bus, answers of the container engine, reports of disks, lines of nvidia-smi: the input's first byte
// says which, and the order of bytes.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "collect/container_api.h"
#include "collect/dbus_message.h"
#include "collect/nvidia.h"
#include "collect/smart_report.h"

using namespace resmon::collect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 'L') {
    std::vector<ContainerStatus> list;
    if (ContainerApi::parse_list(text, list) && list.size() > ContainerApi::kMostContainers) std::abort();
    return 0;
  }
  if (data[0] == 'D') {
    ContainerStatus one;
    (void)ContainerApi::parse_details(text, one);
    return 0;
  }
  if (data[0] == 'S') {
    (void)parse_smart_report(text);
    return 0;
  }
  if (data[0] == 'N') {
    NvidiaFigures figures;
    int absurd = 0;
    if (parse_nvidia_line(text, figures, absurd) && figures.usage_percent.value_or(0) > 100) std::abort();
    return 0;
  }
  DbusMessage message;
  const auto parsed = parse_dbus_message(text, message);
  if (!parsed || *parsed == 0) return 0;
  if (*parsed > text.size()) std::abort();
  DbusReader reader = message.reader();
  std::string_view signature = message.signature;
  while (!signature.empty() && reader.skip(signature)) {
  }
  return 0;
}
