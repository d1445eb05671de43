#include "registry/scope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace registry {
namespace {

TEST(Scope, IsReadAndWritten) {
  for (const char* text :
       {"repository:tools/one:pull,push", "registry:catalog:*", "repository:a:pull repository:b:pull,delete",
        "repository(plugin):sam/volume:pull", "other:HOST:5000/x:pull", "repository:a:", ""})
    EXPECT_EQ(textOf(parseScopes(text)), text);
}

TEST(Scope, OfOneResourceBecomesOne) {
  EXPECT_EQ(textOf(parseScopes("  repository:a:pull registry:catalog:* repository:a:push,pull ")),
            "repository:a:pull,push registry:catalog:*");
  EXPECT_EQ(textOf(parseScopes("repository:a:pull,,pull,push,")), "repository:a:pull,push");
}

TEST(Scope, RefusesWhatIsNone) {
  for (const char* wrong :
       {"repository", "repository:a", ":a:pull", "repository::pull", "repository:A:pull", "repository:a:PULL",
        "repository:a/../b:pull", "repository:a b:pull", "repository:a:pull;push", "Repository:a:pull",
        "repository(:a:pull", "repository():a:pull", "repository:a\"b:pull", "repository:a\n:pull"})
    EXPECT_THROW(parseScopes(wrong), base::Error) << wrong;
  EXPECT_THROW(parseScopes(std::string(4097, ' ')), base::Error);
}

}  // namespace
}  // namespace registry
