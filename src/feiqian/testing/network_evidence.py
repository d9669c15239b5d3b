"""The evidence of a simulated network, for the auditor: both snapshots are now, while nobody writes."""

from feiqian.testing.audit.evidence import StoredEvidence, TransactionSnapshot, Views
from feiqian.testing.memory_store import MemoryStore
from feiqian.testing.network import SimulatedNetwork

PLATFORM = "platform"


def evidence_of(network: SimulatedNetwork) -> StoredEvidence:
    """What every party of the network has stored."""
    office = next(iter(network.institutions.values())).office
    return StoredEvidence(
        suite=office.suite,
        root_raw=network.platform.root(),
        platform=views_of(network.stores[PLATFORM]),
        institutions={code: views_of(network.stores[code]) for code in network.institutions},
    )


def views_of(store: MemoryStore) -> Views:
    """One store, the same early and late."""
    snapshot = store.run(TransactionSnapshot)
    return Views(snapshot, snapshot)
