"""The tables of leadloop. Personal values live only in lead, company, identity, event properties,
message bodies, call bodies, and for a day in answers to commands; everything else holds ids, codes and
numbers."""

from leadloop.storage.tables.access import ApiKey, CommandAnswer, KeyKind
from leadloop.storage.tables.calls import Call, CallStatus
from leadloop.storage.tables.events import Due, Event, EventKey
from leadloop.storage.tables.experiments import ExperimentDraw, ExperimentWinner
from leadloop.storage.tables.journeys import ArmedWait, Enrolment, EnrolmentStatus, Turn, Wake
from leadloop.storage.tables.leads import Company, Consent, Identity, Lead, Suppression, TopicSuppression
from leadloop.storage.tables.messages import Link, Message, MessageStatus
from leadloop.storage.tables.operations import Operation
from leadloop.storage.tables.publications import Blob, PublicationRow, Setting
from leadloop.storage.tables.records import Record
from leadloop.storage.tables.recovery import Handover, Tombstone
from leadloop.storage.tables.running import Alert, LiveWorker
from leadloop.storage.tables.sales import (
    Deal,
    DealStatus,
    Offer,
    OfferStatus,
    RecycledLoss,
    Task,
    TaskStatus,
)
from leadloop.storage.tables.scores import LeadScore, ScoreEntry
from leadloop.storage.tables.visitors import Visitor

__all__ = [
    "Alert", "ApiKey", "ArmedWait", "Blob", "Call", "CallStatus", "CommandAnswer", "Company", "Consent",
    "Deal", "DealStatus", "Due",
    "Enrolment", "EnrolmentStatus", "Event", "EventKey", "ExperimentDraw", "ExperimentWinner",
    "Handover", "Identity", "KeyKind", "Lead", "LeadScore", "Link", "LiveWorker", "Message",
    "MessageStatus", "Offer", "OfferStatus",
    "Operation", "PublicationRow", "Record", "RecycledLoss", "ScoreEntry", "Setting", "Suppression", "Task",
    "TaskStatus", "Tombstone", "TopicSuppression", "Turn", "Visitor", "Wake",
]  # fmt: skip
