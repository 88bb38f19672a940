// Pictures of graphs, drawn by Graphviz.
#pragma once

#include <string>

namespace dunlin::cli {

/// Whether FILE's ending says what to draw (.svg, .png, .pdf, or .dot for the text itself), whether it can be
/// written, and whether Graphviz is there; throws what to do otherwise.
void check_drawing(const std::string& file);

/// `dot` is a graph in the DOT language; `placed`: it says where its nodes stand. Shows how long Graphviz takes unless
/// `quiet`; Ctrl-C ends it.
void draw(const std::string& dot, const std::string& file, bool placed, bool quiet);

}  // namespace dunlin::cli
