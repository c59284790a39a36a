use super::ConfigFile;
use crate::json::Node;

/// The settings of device sync: `sync/config.json`, or `sync` or `flexible_sync` in the configuration of an older data
/// source. Sync itself is not supported. Its permissions are available so that they can be converted or rejected.
#[derive(Clone, Debug)]
pub struct SyncConfig {
    /// The name of the data source, if the settings contain it.
    pub service: Option<String>,
    /// The settings.
    pub config: ConfigFile,
}

impl SyncConfig {
    /// Whether device sync is on: `"state": "enabled"`.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.config.node.get("state").and_then(Node::as_str) == Some("enabled")
    }

    /// `permissions.rules` of flexible sync: roles by collection name
    #[must_use]
    pub fn rules(&self) -> Option<&Node> {
        self.config.node.get("permissions")?.get("rules")
    }

    /// `permissions.defaultRoles` of flexible sync: the roles of other collections
    #[must_use]
    pub fn default_roles(&self) -> Option<&Node> {
        let permissions = self.config.node.get("permissions")?;
        permissions.get("defaultRoles").or_else(|| permissions.get("default_roles"))
    }

    /// `partition.permissions.read`, in the scope [`Scope::Sync`](crate::predicate::Scope::Sync)
    #[must_use]
    pub fn partition_read(&self) -> Option<&Node> {
        self.partition("read")
    }

    /// `partition.permissions.write`, in the scope [`Scope::Sync`](crate::predicate::Scope::Sync)
    #[must_use]
    pub fn partition_write(&self) -> Option<&Node> {
        self.partition("write")
    }

    fn partition(&self, key: &str) -> Option<&Node> {
        self.config.node.get("partition")?.get("permissions")?.get(key)
    }
}
