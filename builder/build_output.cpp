#include "builder/build_output.h"

#include <string>

namespace builder {
namespace {

/// One write for a whole line, so that lines of several writers do not mix.
void writeLine(base::ByteSink& out, std::string_view mark, std::string_view text) {
  out.write(std::string(mark) + std::string(text) + "\n");
}

}  // namespace

void BuildOutput::step(std::string_view text) {
  writeLine(*this, "-----> ", text);
}
void BuildOutput::detail(std::string_view text) {
  writeLine(*this, "       ", text);
}
void BuildOutput::error(std::string_view text) {
  writeLine(*this, " !     ", text);
}

}  // namespace builder
