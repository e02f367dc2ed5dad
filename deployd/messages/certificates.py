"""What CertificateActor can be told."""

from deployd.kernel.message import Message


class HostsRouted(Message, frozen=True, kw_only=True):
    """Routes were written, or the listeners are open: look which names lack a certificate."""


class FilesChanged(Message, frozen=True, kw_only=True):
    """From CertificateActor's own task: something was written beside the user's certificate files."""


CertificateMessage = HostsRouted | FilesChanged
