#include "git/object_id.h"

#include <gtest/gtest.h>

namespace {

using git::ObjectFormat;
using git::ObjectId;
using git::ObjectType;

constexpr std::string_view kEmptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
constexpr std::string_view kEmptyTree256 = "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321";

TEST(ObjectId, HexThereAndBack) {
  EXPECT_EQ(ObjectId::parse(ObjectFormat::sha1, kEmptyTree)->hex(), kEmptyTree);
  EXPECT_EQ(ObjectId::parse(ObjectFormat::sha256, kEmptyTree256)->hex(), kEmptyTree256);
  EXPECT_EQ(ObjectId::parse(ObjectFormat::sha1, "4B825DC642CB6EB9A060E54BF8D69288FBEE4904")->hex(), kEmptyTree);
}

TEST(ObjectId, RefusesWhatIsNoId) {
  EXPECT_FALSE(ObjectId::parse(ObjectFormat::sha256, kEmptyTree));
  EXPECT_FALSE(ObjectId::parse(ObjectFormat::sha1, kEmptyTree256));
  EXPECT_FALSE(ObjectId::parse(ObjectFormat::sha1, ""));
  EXPECT_FALSE(ObjectId::parse(ObjectFormat::sha1, "4b825dc642cb6eb9a060e54bf8d69288fbee490g"));
}

TEST(ObjectId, FormatsDiffer) {
  EXPECT_TRUE(ObjectId().isNull());
  EXPECT_TRUE(ObjectId::null(ObjectFormat::sha256).isNull());
  EXPECT_NE(ObjectId(), ObjectId::null(ObjectFormat::sha256));
  EXPECT_FALSE(ObjectId::parse(ObjectFormat::sha1, kEmptyTree)->isNull());
}

TEST(ObjectId, NamesOfTypesAndFormats) {
  for (const ObjectType type : {ObjectType::commit, ObjectType::tree, ObjectType::blob, ObjectType::tag})
    EXPECT_EQ(git::parseObjectType(name(type)), type);
  EXPECT_FALSE(git::parseObjectType(""));
  EXPECT_FALSE(git::parseObjectType("Blob"));
  EXPECT_EQ(git::parseObjectFormat("sha256"), ObjectFormat::sha256);
  EXPECT_FALSE(git::parseObjectFormat("sha512"));
}

}  // namespace
