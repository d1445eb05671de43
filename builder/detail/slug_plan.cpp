#include "builder/detail/slug_plan.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string_view>

#include "base/error.h"

namespace builder::detail {
namespace {

using base::TreeEntry;

constexpr std::uint64_t kEntryBytes = 512;  // a tar header
constexpr std::size_t kNone = static_cast<std::size_t>(-1);

enum class Kind { runtime, dependencies, heavy };
constexpr std::array<std::string_view, 3> kKindNames = {"runtime", "dependencies", "other heavy folders"};

struct Folder {
  std::string_view path;  // "" for the root
  std::size_t parent = kNone;
  std::uint64_t weight = 0;  // with all that is below
  bool fromSource = false;
  bool packages = false;  // a package manager fills it
  std::vector<std::size_t> children;
  std::size_t layer = kNone;  // the layer that begins here
};

struct Root {
  std::size_t folder;
  Kind kind;
  std::uint64_t weight;  // without what got a layer of its own inside
};

std::string_view parentOf(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == path.npos ? std::string_view() : path.substr(0, slash);
}

std::string_view nameOf(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

bool isPackageFolderName(std::string_view name) {
  return name == "node_modules" || name == "site-packages" || name == "bundle" || name == "gems";
}

/// pip and its kin leave one such folder for each package beside it.
bool isPackageRecord(std::string_view name) {
  return name.ends_with(".dist-info") || name.ends_with(".egg-info");
}

/// The tree's folders with their weights; a folder's number is in the order of the paths.
class FolderTree {
 public:
  FolderTree(const std::vector<TreeEntry>& entries, const std::set<std::string>& sourceFolders) {
    folders_.push_back({.path = "", .fromSource = true});
    byPath_.emplace("", 0);
    for (const TreeEntry& entry : entries) {
      const std::size_t parent = find(parentOf(entry.path));
      std::size_t at = parent;
      if (entry.kind == TreeEntry::Kind::folder) at = addFolder(entry.path, parent, sourceFolders);
      for (const std::uint64_t weight = kEntryBytes + entry.sizeBytes; at != kNone; at = folders_[at].parent)
        folders_[at].weight += weight;
    }
  }

  std::vector<Folder>& all() { return folders_; }
  Folder& operator[](std::size_t index) { return folders_[index]; }

  std::size_t find(std::string_view path) const {
    const auto found = byPath_.find(path);
    CHECK(found != byPath_.end());  // a folder stands before what is in it
    return found->second;
  }

 private:
  std::size_t addFolder(std::string_view path, std::size_t parent, const std::set<std::string>& source) {
    const std::size_t index = folders_.size();
    folders_.push_back({.path = path, .parent = parent, .fromSource = source.contains(std::string(path))});
    folders_.back().packages = isPackageFolderName(nameOf(path));
    folders_[parent].children.push_back(index);
    if (isPackageRecord(nameOf(path))) folders_[parent].packages = true;
    byPath_.emplace(path, index);
    return index;
  }

  std::vector<Folder> folders_;
  std::map<std::string_view, std::size_t> byPath_;
};

/// Finds the folders that deserve a layer.
class RootFinder {
 public:
  RootFinder(FolderTree& tree, std::uint64_t minBytes) : tree_(tree), minBytes_(minBytes) { visitSource(0); }
  std::vector<Root> take() { return std::move(roots_); }

 private:
  /// What is below a folder of the source; returns the weight that got layers.
  std::uint64_t visitSource(std::size_t folder) {
    std::uint64_t taken = 0;
    for (const std::size_t child : children(folder)) {
      if (tree_[child].weight < minBytes_) continue;
      if (tree_[child].fromSource) {
        taken += takeRest(child, Kind::heavy, visitSource(child));
      } else if (folder == 0 && nameOf(tree_[child].path).starts_with('.')) {
        taken += takeRest(child, Kind::runtime, visitHolder(child));
      } else {
        const Kind kind = tree_[child].packages ? Kind::dependencies : Kind::heavy;
        taken += takeRest(child, kind, tree_[child].packages ? 0 : visitMade(child));
      }
    }
    return taken;
  }

  /// A hidden folder that a build made, such as .heroku, holds one runtime in each folder.
  std::uint64_t visitHolder(std::size_t folder) {
    std::uint64_t taken = 0;
    for (const std::size_t child : children(folder)) {
      if (tree_[child].weight >= minBytes_) taken += takeRest(child, Kind::runtime, visitMade(child));
    }
    return taken;
  }

  /// Package folders at any depth below what a build made.
  std::uint64_t visitMade(std::size_t folder) {
    std::uint64_t taken = 0;
    for (const std::size_t child : children(folder)) {
      if (tree_[child].weight < minBytes_) continue;
      taken += tree_[child].packages ? takeRest(child, Kind::dependencies, 0) : visitMade(child);
    }
    return taken;
  }

  /// A layer for the folder without the `taken` weight below it, if that is worth one.
  std::uint64_t takeRest(std::size_t folder, Kind kind, std::uint64_t taken) {
    const std::uint64_t weight = tree_[folder].weight - taken;
    if (weight < minBytes_) return taken;
    roots_.push_back({folder, kind, weight});
    return tree_[folder].weight;
  }

  std::vector<std::size_t> children(std::size_t folder) const { return tree_[folder].children; }

  FolderTree& tree_;
  const std::uint64_t minBytes_;
  std::vector<Root> roots_;
};

struct Layer {
  std::string name;
  Kind kind;
};

/// Marks the folders where layers begin: the heaviest have their own, the others share one for each kind.
std::vector<Layer> nameLayers(FolderTree& tree, std::vector<Root> roots, std::size_t maxLayers) {
  const std::size_t room = maxLayers - 2;  // one is for the large files, one for the rest
  const std::size_t own = roots.size() <= room ? roots.size() : room - kKindNames.size();
  std::sort(roots.begin(), roots.end(), [&](const Root& a, const Root& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.folder < b.folder;
  });
  std::map<std::pair<Kind, std::string>, std::vector<std::size_t>> sorted;
  for (std::size_t i = 0; i < roots.size(); ++i) {
    const Kind kind = roots[i].kind;
    const std::string name(i < own ? tree[roots[i].folder].path : kKindNames[static_cast<std::size_t>(kind)]);
    sorted[{kind, name}].push_back(roots[i].folder);
  }
  std::vector<Layer> layers;
  for (const auto& [key, folders] : sorted) {
    for (const std::size_t folder : folders)
      tree[folder].layer = layers.size();
    layers.push_back({key.second, key.first});
  }
  return layers;
}

}  // namespace

std::vector<SlugPart> planSlug(const std::vector<TreeEntry>& entries,
                               const std::set<std::string>& sourceFolders, const SlugPlanOptions& options) {
  CHECK(options.maxLayers > kKindNames.size() + 2);
  FolderTree tree(entries, sourceFolders);
  const auto layers = nameLayers(tree, RootFinder(tree, options.minLayerBytes).take(), options.maxLayers);

  std::vector<SlugPart> parts;
  for (const Layer& layer : layers)
    parts.push_back({.name = layer.name, .entries = {}});
  parts.push_back({.name = "large files", .entries = {}});
  parts.push_back({.name = "app", .entries = {}});
  const std::size_t large = layers.size();
  const std::size_t rest = large + 1;
  // A folder without a mark belongs to the layer of the one above it, which comes first.
  for (Folder& folder : tree.all()) {
    if (folder.layer == kNone) folder.layer = folder.parent == kNone ? rest : tree[folder.parent].layer;
  }
  // Of each part's last folders: those above its entries that it holds already.
  std::vector<std::set<std::size_t>> held(parts.size());
  std::vector<const TreeEntry*> entryOf(tree.all().size(), nullptr);
  for (const TreeEntry& entry : entries) {
    if (entry.kind == TreeEntry::Kind::folder) entryOf[tree.find(entry.path)] = &entry;
  }
  for (const TreeEntry& entry : entries) {
    const bool isFolder = entry.kind == TreeEntry::Kind::folder;
    const std::size_t folder = isFolder ? tree.find(entry.path) : tree.find(parentOf(entry.path));
    const bool isLarge = !isFolder && entry.sizeBytes >= options.minLayerBytes;
    const std::size_t part = isLarge && tree[folder].layer == rest ? large : tree[folder].layer;
    std::vector<std::size_t> above;
    for (std::size_t at = folder; at != 0 && held[part].insert(at).second; at = tree[at].parent)
      above.push_back(at);
    for (auto at = above.rbegin(); at != above.rend(); ++at)
      parts[part].entries.push_back(*entryOf[*at]);
    if (!isFolder) parts[part].entries.push_back(entry);
  }
  if (parts[large].entries.empty()) parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(large));
  for (SlugPart& part : parts) {
    std::sort(part.entries.begin(), part.entries.end(),
              [](const TreeEntry& a, const TreeEntry& b) { return a.path < b.path; });
  }
  return parts;
}

}  // namespace builder::detail
