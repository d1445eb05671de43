#include "store/domain_store.h"

#include <gmock/gmock.h>

#include "tests/unit/store/store_fixture.h"

namespace store {
namespace {

using base::Errc;
using ::testing::HasSubstr;
using ::testing::Not;

class DomainStoreTest : public StoreTest {
 protected:
  DomainStore domains_{*store_};
};

TEST_F(DomainStoreTest, KeepsHostsOfApps) {
  const App app = makeApp();
  const Domain added = domains_.add(app.id, "www.example.com", 10);
  domains_.add(app.id, "*.example.com", 10);
  ASSERT_EQ(domains_.ofApp(app.id).size(), 2u);
  EXPECT_EQ(domains_.ofApp(app.id)[0].host, "*.example.com");
  EXPECT_EQ(domains_.get(app.id, "www.example.com").id, added.id);
  EXPECT_EQ(domains_.get(app.id, added.uuid).id, added.id);
  EXPECT_EQ(domains_.get(app.id, std::to_string(added.id)).host, "www.example.com");
  domains_.remove(added.id);
  EXPECT_EQ(codeOf([&] { domains_.get(app.id, "www.example.com"); }), Errc::notFound);
}

TEST_F(DomainStoreTest, AHostBelongsToOneAppAndNobodyLearnsWhose) {
  const App app = makeApp();
  const App other = makeApp("other");
  const Domain domain = domains_.add(app.id, "www.example.com", 10);
  EXPECT_EQ(codeOf([&] { domains_.add(other.id, "www.example.com", 10); }), Errc::alreadyExists);
  EXPECT_THAT(messageOf([&] { domains_.add(other.id, "www.example.com", 10); }), Not(HasSubstr("hello")));
  EXPECT_THAT(messageOf([&] { domains_.add(app.id, "www.example.com", 10); }), HasSubstr("already"));
  EXPECT_EQ(codeOf([&] { domains_.get(other.id, "www.example.com"); }), Errc::notFound);
  EXPECT_EQ(codeOf([&] { domains_.get(other.id, domain.uuid); }), Errc::notFound);
  store_->destroyApp(app.id);
  domains_.add(other.id, "www.example.com", 10);
}

TEST_F(DomainStoreTest, NamesTheSettingAtTheLimit) {
  const App app = makeApp();
  domains_.add(app.id, "a.example.com", 1);
  EXPECT_EQ(codeOf([&] { domains_.add(app.id, "b.example.com", 1); }), Errc::overloaded);
  EXPECT_THAT(messageOf([&] { domains_.add(app.id, "b.example.com", 1); }), HasSubstr("domains_max"));
}

TEST_F(DomainStoreTest, RemembersMaintenance) {
  const App app = makeApp();
  EXPECT_FALSE(domains_.maintenance(app.id));
  domains_.setMaintenance(app.id, DomainStore::Maintenance::on);
  domains_.setMaintenance(app.id, DomainStore::Maintenance::on);
  EXPECT_TRUE(domains_.maintenance(app.id));
  domains_.setMaintenance(app.id, DomainStore::Maintenance::off);
  EXPECT_FALSE(domains_.maintenance(app.id));
}

}  // namespace
}  // namespace store
