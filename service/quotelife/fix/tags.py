"""FIX tags and values that the project uses, by their names in the specification."""

SOH = 1

# Length field to its data field, which may contain SOH.
DATA_AFTER_LENGTH = {90: 91, 93: 89, 95: 96, 212: 213, 348: 349, 350: 351, 352: 353, 354: 355, 445: 446}
LENGTH_OF_DATA = {data: length for length, data in DATA_AFTER_LENGTH.items()}

# --- standard header and trailer
BeginString = 8
BodyLength = 9
CheckSum = 10
MsgSeqNum = 34
MsgType = 35
PossDupFlag = 43
SenderCompID = 49
SendingTime = 52
SenderSubID = 50
TargetCompID = 56
TargetSubID = 57
OrigSendingTime = 122

# --- session messages
BeginSeqNo = 7
EndSeqNo = 16
NewSeqNo = 36
RefSeqNum = 45
Text = 58
EncryptMethod = 98
HeartBtInt = 108
TestReqID = 112
GapFillFlag = 123
ResetSeqNumFlag = 141
RefTagID = 371
RefMsgType = 372
SessionRejectReason = 373
BusinessRejectRefID = 379
BusinessRejectReason = 380
Username = 553
Password = 554
NextExpectedMsgSeqNum = 789
ApplVerID = 1128
DefaultApplVerID = 1137

# --- market data
SecurityIDSource = 22
SecurityID = 48
Symbol = 55
TransactTime = 60
RptSeq = 83
NoRelatedSym = 146
Headline = 148
MDReqID = 262
SubscriptionRequestType = 263
MarketDepth = 264
MDUpdateType = 265
AggregatedBook = 266
NoMDEntryTypes = 267
NoMDEntries = 268
MDEntryType = 269
MDEntryPx = 270
MDEntrySize = 271
MDEntryDate = 272
MDEntryTime = 273
MDEntryID = 278
MDUpdateAction = 279
MDEntryRefID = 280
MDEntryPositionNo = 290
SecurityReqID = 320
SecurityRequestType = 321
SecurityResponseType = 323
SecurityStatusReqID = 324
SecurityTradingStatus = 326
TradSesReqID = 335
TradSesStatus = 340
NumberOfOrders = 346
TotNoRelatedSym = 393
SecurityListRequestType = 559
SecurityRequestResult = 560
LastFragment = 893
TotNumReports = 911
SecurityUpdateAction = 980
MDPriceLevel = 1023
AggressorSide = 2446  # FIX 5.0 SP2 (EP); 1 buy, 2 sell
CmeAggressorSide = 5797  # CME Globex's predecessor of AggressorSide; 0 none
NewsSentiment = 20010  # custom, FLOAT in [-1, 1], in News (B)

# --- values of MsgType
HEARTBEAT = "0"
TEST_REQUEST = "1"
RESEND_REQUEST = "2"
REJECT = "3"
SEQUENCE_RESET = "4"
LOGOUT = "5"
LOGON = "A"
NEWS = "B"
MARKET_DATA_REQUEST = "V"
MARKET_DATA_SNAPSHOT_FULL_REFRESH = "W"
MARKET_DATA_INCREMENTAL_REFRESH = "X"
MARKET_DATA_REQUEST_REJECT = "Y"
SECURITY_DEFINITION_REQUEST = "c"
SECURITY_DEFINITION = "d"
SECURITY_STATUS_REQUEST = "e"
SECURITY_STATUS = "f"
TRADING_SESSION_STATUS_REQUEST = "g"
TRADING_SESSION_STATUS = "h"
BUSINESS_MESSAGE_REJECT = "j"
SECURITY_LIST_REQUEST = "x"
SECURITY_LIST = "y"
SECURITY_LIST_UPDATE_REPORT = "BK"
SECURITY_DEFINITION_UPDATE_REPORT = "BP"

# --- values of SubscriptionRequestType, MDUpdateType
SNAPSHOT_PLUS_UPDATES = "1"
UNSUBSCRIBE = "2"
FULL_REFRESH, INCREMENTAL_REFRESH = "0", "1"

# --- values of MDEntryType, MDUpdateAction, as bytes on the wire
BID, OFFER, TRADE = 48, 49, 50
NEW, CHANGE, DELETE = 48, 49, 50

# --- values of SessionRejectReason
REQUIRED_TAG_MISSING = 1
VALUE_IS_INCORRECT = 5
INCORRECT_DATA_FORMAT = 6
COMPID_PROBLEM = 9
SENDINGTIME_ACCURACY_PROBLEM = 10
INVALID_MSGTYPE = 11
TAG_APPEARS_MORE_THAN_ONCE = 13
INCORRECT_NUM_IN_GROUP = 16

# --- free text for people: Text, Headline, EncodedText, EncodedHeadline, RejectText
TEXTS = frozenset((58, 148, 355, 359, 1328))

# --- values of BusinessRejectReason
UNSUPPORTED_MESSAGE_TYPE = 3
CONDITIONALLY_REQUIRED_FIELD_MISSING = 5
