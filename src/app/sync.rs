use super::ConfigFile;
use crate::json::Node;

/// Settings of device sync: `sync/config.json`, or `sync` or `flexible_sync` in the configuration of an older data
/// source. Sync itself is not served; the permissions are handed out so that they can be converted or refused.
#[derive(Clone, Debug)]
pub struct SyncConfig {
    /// The data source, if the settings name one.
    pub service: Option<String>,
    /// The settings.
    pub config: ConfigFile,
}

impl SyncConfig {
    /// `permissions.rules` of flexible sync: roles by the name of a collection.
    #[must_use]
    pub fn rules(&self) -> Option<&Node> {
        self.config.node.get("permissions")?.get("rules")
    }

    /// `permissions.defaultRoles` of flexible sync: the roles of collections without their own.
    #[must_use]
    pub fn default_roles(&self) -> Option<&Node> {
        let permissions = self.config.node.get("permissions")?;
        permissions.get("defaultRoles").or_else(|| permissions.get("default_roles"))
    }

    /// `partition.permissions.read`, an expression of [`Scope::Sync`](crate::predicate::Scope::Sync).
    #[must_use]
    pub fn partition_read(&self) -> Option<&Node> {
        self.partition("read")
    }

    /// `partition.permissions.write`, an expression of [`Scope::Sync`](crate::predicate::Scope::Sync).
    #[must_use]
    pub fn partition_write(&self) -> Option<&Node> {
        self.partition("write")
    }

    fn partition(&self, key: &str) -> Option<&Node> {
        self.config.node.get("partition")?.get("permissions")?.get(key)
    }
}
