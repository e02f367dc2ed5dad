"""deployd as a service of a host: what `install`, `uninstall` and `upgrade` do, as steps that can be shown or taken."""
