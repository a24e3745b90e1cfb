//! Faults of mock parties: what they send wrongly. (What they fail to check is switched off in
//! [`chukei_idwsf::Checks`], sentence by sentence.) Exists with the feature `danger-faults` only.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use chukei_crypto::UnixTime;
use chukei_idwsf::{
    Commitment, Compose, Fault as SoapFault, Refusal, ReplayStore, Request,
    ims::{MappingInput, MappingRequest},
};
use chukei_profile::{
    Identifier, Purpose, Scheme,
    envelope::{Danger, Issued, Mint},
    login::{Login, Patient},
};
use chukei_reason::{Answer as Told, Reason};
use chukei_saml::NameId;
use chukei_xml::{Document, Writer, ns};

use crate::{
    Envelope, NewEntry, Party,
    forgetful::{Forgetful, Memory},
};

macro_rules! faults {
    ($( $(#[doc = $en:literal])* $name:ident => [$($sentence:literal),+], $ja:literal; )*) => {
        /// A deviation in what a mock party sends.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault {
            $( $(#[doc = $en])* $name, )*
        }

        impl Fault {
            /// Every fault.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its name, as switches spell it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Self::$name => stringify!($name), )* }
            }

            /// The sentences that it breaks, the one that it is for first.
            #[must_use]
            pub const fn sentences(self) -> &'static [&'static str] {
                match self { $( Self::$name => &[$($sentence),+], )* }
            }

            /// The profile whose products have it, where its sentences do not tell.
            #[must_use]
            pub const fn profile(self) -> Option<&'static str> {
                match self {
                    Self::RemembersMappingsOnly | Self::ChecksMappingsOnly => Some("relay@1.0"),
                    Self::LogsVisibleNumber | Self::LogsSession | Self::LogsTicket => Some("relay@1.0"),
                    Self::LogsName => Some("responder@1.0"),
                    _ => None,
                }
            }

            /// What it does, in English.
            #[must_use]
            pub fn en(self) -> &'static str {
                match self { $( Self::$name => concat!($($en),*).trim(), )* }
            }

            /// What it does, in Japanese.
            #[must_use]
            pub const fn ja(self) -> &'static str {
                match self { $( Self::$name => $ja, )* }
            }
        }
    };
}

faults! {
    /// Leaves wsa:RelatesTo out of answers.
    OmitsRelatesTo => ["message.answer.headers"], "応答に wsa:RelatesTo を入れない";
    /// Leaves wsa:MessageID out of the signature.
    LeavesHeaderUnsigned => ["message.answer.signed", "requester.query.headers"], "wsa:MessageID に署名しない";
    /// Remembers a wsa:MessageID for a minute.
    ForgetsMessages => ["message.id.once"], "wsa:MessageID を1分しか覚えない";
    /// Remembers the wsa:MessageID of mapping requests only.
    RemembersMappingsOnly => ["message.id.once"], "対応付けの要求の wsa:MessageID だけを覚える";
    /// Looks at purpose and wsa:MessageID of mapping requests only.
    ChecksMappingsOnly => ["message.usage-directive.purpose", "message.id.form", "message.answer.headers", "history.query.purpose", "ledger.proof.purpose"], "対応付けの要求だけ、利用目的と wsa:MessageID を検査する";
    /// Uses one wsa:MessageID for every message.
    ReusesMessageId => ["message.answer.fresh"], "すべてのメッセージに同じ wsa:MessageID を使う";
    /// Sends messages that are good for an hour.
    LongTimestamp => ["message.answer.timestamp"], "有効期間が1時間のメッセージを送る";
    /// Sends messages from ten minutes ahead.
    FutureTimestamp => ["message.answer.timestamp"], "10分先の時刻のメッセージを送る";
    /// Sends faults with HTTP status 200.
    FaultAsSuccess => ["message.fault.shape"], "fault を HTTP 200 で返す";
    /// Repeats the request in its faults.
    EchoesInFaults => ["message.fault.no-echo", "answer.coarse", "encryption.open.after-verify", "message.fault.auth-equal", "message.fault.dec-equal", "envelope.open.one-answer"], "fault に要求の内容を入れる";
    /// Tells by error text why a message was not authenticated.
    TellsAuthApart => ["message.fault.auth-equal", "answer.coarse", "encryption.open.after-verify"], "認証の失敗の理由をエラー文で区別する";
    /// Tells by HTTP status 400 that a signature value is wrong.
    TellsAuthByStatus => ["message.fault.auth-equal", "answer.coarse", "encryption.open.after-verify", "message.fault.shape"], "署名値の誤りを HTTP 400 で区別する";
    /// Tells by error text why a ciphertext was not accepted.
    LeaksByErrorText => ["message.fault.dec-equal", "envelope.open.one-answer", "answer.coarse"], "復号の失敗の理由をエラー文で区別する";
    /// Leaves lu:Status out of faults.
    OmitsFaultStatus => ["message.fault.status"], "fault に lu:Status を入れない";

    /// Leaves the last input of a mapping request unanswered.
    OmitsInput => ["mapping.input.each-answered", "metadata.encryption.first-rsa", "history.complete", "history.entry.content", "login.session.recorded", "mapping.agreement.pair", "mapping.input.known", "mapping.no-transient", "mapping.status.levels", "mapping.target.member", "mapping.unambiguous", "mapping.unreachable.distinct", "mapping.validity.day", "mapping.agreement.any", "mapping.target.agreed"], "最後の MappingInput に答えない";
    /// Makes an envelope for a number that it does not know.
    InventsPerson => ["mapping.input.known", "envelope.issue.name-id", "mapping.no-transient"], "知らない番号に封筒を発行する";
    /// Makes a transient identifier for a person who has none with the target.
    TransientFallback => ["mapping.no-transient", "mapping.target.member"], "相手に番号がない人に一時的な識別子を作る";
    /// Answers OK although an input failed.
    OkDespiteFailure => ["mapping.status.levels"], "失敗した入力があっても OK と答える";
    /// Answers NotMember for a target that is out of service.
    UnreachableAsNotMember => ["mapping.unreachable.distinct"], "利用できない相手について NotMember と答える";
    /// Counts every party where a mapping names no target.
    CountsEveryTarget => ["mapping.target.agreed"], "相手の指定がないとき、取決めのない相手も数える";
    /// Does not record mappings.
    SkipsMappingLog => ["mapping.log.before-answer", "history.complete"], "対応付けを記録しない";

    /// Takes numbers for valid on days of UTC.
    MapsInUtc => ["mapping.validity.day"], "番号の有効期間を協定世界時の日で判断する";

    /// Issues envelopes without a signature.
    UnsignedEnvelope => ["envelope.issue.signed", "envelope.issue.form", "message.fault.status"], "封筒に署名しない";
    /// Tells the number in clear beside the ciphertext.
    TellsNumber => ["envelope.issue.encrypted", "privacy.ciphertext.unlinkable", "envelope.issue.form"], "暗号文の横に番号を平文で入れる";
    /// Uses the content key, and the whole ciphertext, of the first envelope again.
    ReusesContentKey => ["envelope.issue.fresh", "privacy.ciphertext.unlinkable", "encryption.key.fresh"], "内容暗号鍵と暗号文を使い回す";
    /// Gives the same envelope for the same person again.
    AlwaysSameEnvelope => ["envelope.issue.fresh", "envelope.issue.holder", "envelope.issue.bound", "disclosure.notice.recorded", "history.complete", "encryption.key.fresh", "privacy.ciphertext.unlinkable", "envelope.issue.form"], "同じ人に同じ封筒を渡す";
    /// Leaves the padding out.
    NoPadding => ["envelope.issue.padded", "privacy.ciphertext.size", "encryption.plaintext.padded"], "平文の長さを揃えない";
    /// Pads to the next 512 octets, so that long numbers take more.
    PadsToNext => ["privacy.ciphertext.size"], "次の 512 オクテットまでしか埋めず、長い番号の暗号文を長くする";
    /// Names itself as audience and recipient.
    WrongAudience => ["envelope.issue.audience", "envelope.issue.encrypted", "envelope.issue.name-id", "mapping.target.agreed", "message.fault.status"], "Audience と Recipient を中継DB自身にする";
    /// Leaves the holder's certificate out.
    NoHolderKey => ["envelope.issue.holder", "envelope.issue.form"], "holder-of-key に証明書を入れない";
    /// Writes the attributes of envelopes in another order.
    ReordersEnvelope => ["envelope.issue.form"], "封筒の属性の順を変える";
    /// Seals numbers for the requester.
    SealsForRequester => ["envelope.issue.encrypted", "metadata.encryption.first-rsa"], "番号を照会元の鍵に宛てて暗号化する";
    /// Seals numbers for the first RSA key that a target has for it, expired or not.
    SealsForExpired => ["metadata.encryption.first-rsa", "envelope.issue.encrypted"], "有効期間の過ぎた証明書の鍵に宛てて暗号化する";
    /// Seals numbers for the first key of a target that is not for signing alone, whatever it is.
    SealsForFirstKey => ["metadata.encryption.first-rsa"], "RSA でなくても、署名専用でない最初の鍵に宛てて暗号化する";
    /// Puts the beginning of a digest of the number into the ID of the envelope.
    LinkableIdentifier => ["privacy.ciphertext.unlinkable"], "封筒の ID を番号のハッシュ値で始める";
    /// Records what no agreement allows about nobody.
    LogsAgreedOnly => ["history.complete"], "取決めのない要求を本人のものとして記録しない";
    /// Issues envelopes that are good for an hour.
    LongEnvelope => ["envelope.issue.window"], "有効期間が1時間の封筒を発行する";
    /// Leaves OneTimeUse out.
    NoOneTimeUse => ["envelope.issue.window", "envelope.issue.form"], "OneTimeUse を入れない";
    /// Leaves the request attribute out.
    UnboundEnvelope => ["envelope.issue.bound", "envelope.issue.form"], "照会番号の属性を入れない";
    /// Qualifies the number for itself instead of the target.
    MisqualifiedNumber => ["envelope.issue.name-id"], "番号の SPNameQualifier を中継DB自身にする";
    /// Adds a digest of the number to the envelope.
    LinkableEnvelope => ["privacy.ciphertext.unlinkable", "envelope.issue.form"], "封筒に番号のハッシュ値を入れる";

    /// Receipts notices without recording them.
    LosesNotices => ["disclosure.notice.recorded", "history.complete"], "開示の通知を記録せずに受領する";
    /// Records notices that it refuses for their requester.
    RecordsRefusedNotices => ["disclosure.notice.requester"], "requester のために拒否した開示の通知を記録する";
    /// Records a second notice that says the same as the first.
    RecordsNoticesAgain => ["disclosure.notice.again"], "同じ内容の二度目の開示の通知も記録する";
    /// Keeps entries for a day less than it has to.
    KeepsBriefly => ["ledger.entry.kept", "ledger.proof.holds"], "項目を定められた期間より1日短く保つ";
    /// Says of a disclosure that it was asked for an hour before.
    MisstatesTimes => ["ledger.entry.content"], "開示の項目に、1時間前に求められたと記録する";
    /// Records notices that it refuses for their sender.
    RecordsForeignNotices => ["disclosure.notice.foreign"], "送信者のために拒否した開示の通知を記録する";
    /// Leaves refused mappings out of histories.
    HidesRefusals => ["history.complete"], "拒否した対応付けを履歴に示さない";
    /// Refuses looks at histories and proofs whose number does not lead to one person.
    RefusesNobody => ["history.query.nobody", "ledger.proof.nobody"], "番号が一人に定まらない閲覧を拒否する";
    /// Shows every access in histories as a check of eligibility.
    MisstatesHistory => ["history.entry.content"], "履歴で、どのアクセスも資格確認として示す";
    /// Puts the number into histories.
    TellsNumberInHistory => ["history.no-number", "history.entry.content", "relayed.recorded", "login.answer.logged", "login.refused.logged", "disclosure.notice.recorded", "history.complete", "mapping.log.before-answer", "login.session.foreign"], "履歴に番号を入れる";
    /// Lists all of a history, whatever part is asked for.
    IgnoresRange => ["history.range", "history.total"], "求められた範囲によらず履歴をすべて示す";
    /// Lists and counts the beginning of a history, too, whatever period is asked for.
    IgnoresFrom => ["history.range", "history.total"], "履歴の期間の始まりを無視する";
    /// Counts only what it lists of a history.
    CountsListed => ["history.total"], "履歴の示した項目だけを数える";
    /// Changes the date of a query that it forwards.
    AltersRelayedQuery => ["relayed.forward.unchanged"], "転送する照会の基準日を変える";
    /// Does not record queries that it carries.
    SkipsRelayedLog => ["relayed.recorded"], "転送した照会を記録しない";
    /// Leaves the benefits out of an answer that it returns.
    AltersRelayedAnswer => ["relayed.answer.unchanged"], "返す応答から給付を落とす";

    /// Gives the same challenge every time.
    SameChallenge => ["login.challenge.fresh"], "いつも同じチャレンジを渡す";
    /// Numbers its challenges.
    CountsChallenges => ["login.challenge.fresh"], "チャレンジに通し番号をつける";
    /// Opens a session for a certificate that is nobody's.
    InventsLogin => ["login.certificate.known"], "誰のものでもない証明書にセッションを渡す";
    /// Opens sessions that last a day.
    LongSession => ["login.answer.context"], "1日有効なセッションを渡す";
    /// Records refused logins only where a signature is wrong.
    LogsBadSignaturesOnly => ["login.refused.logged"], "署名の誤りで拒否したログインだけを記録する";
    /// Numbers its sessions.
    CountsSessions => ["login.answer.context"], "セッションに通し番号をつける";
    /// States the context of a card with a PIN for every login.
    HidesContext => ["login.answer.context", "login.answer.logged", "login.session.recorded"], "どの方法のログインにも暗証番号つきの context を示す";
    /// Does not record logins.
    SkipsLoginLog => ["login.answer.logged", "history.complete"], "ログインを記録しない";
    /// Does not record logins that it refuses.
    SkipsRefusedLogins => ["login.refused.logged"], "拒否したログインを記録しない";

    /// Tells of every login that it refuses that the request is invalid.
    MiscodesLogins => ["login.refused.code"], "ログインの拒否に、いつも InvalidRequest の code を入れる";

    /// Lets whoever may log people in do so in every way.
    OneRightForLogins => ["login.request.sender"], "ログインのどの方法も、ポータルと受付のどちらにも許す";
    /// Remembers access applications for a minute.
    ForgetsApplications => ["login.application.once"], "アクセス申請書を1分しか覚えない";
    /// Takes challenges, and tickets for them, that have ended.
    EternalChallenges => ["login.challenge.own", "login.presentation.challenge"], "期限の過ぎたチャレンジとチケットを受け付ける";
    /// Takes sessions that have ended.
    EternalSessions => ["login.session.own", "login.session.history"], "期限の過ぎたセッションを受け付ける";
    /// Does not record about whom another party has used a session.
    ForgetsForeignSessions => ["login.session.foreign"], "ほかの当事者がセッションを使ったことを、本人のものとして記録しない";
    /// Records the use of sessions that have ended.
    RecordsEndedSessions => ["login.session.ended"], "期限の過ぎたセッションの使用を記録する";
    /// Does not record how somebody has logged in.
    ForgetsLogin => ["login.session.recorded"], "ログインの方法を記録しない";
    /// Records logins that it refuses for their ck:Withholding.
    RecordsWithheldLogins => ["login.withholding.none"], "ck:Withholding のために拒否したログインを記録する";

    /// Gives a ticket to a TLS client that has shown no card.
    TicketsWithoutCard => ["login.presentation.proved"], "カードを示さない TLS クライアントにチケットを渡す";
    /// Gives the same ticket every time.
    SameTicket => ["login.presentation.ticket", "login.ticket.given"], "いつも同じチケットを渡す";
    /// Numbers its tickets.
    CountsTickets => ["login.presentation.ticket"], "チケットに通し番号をつける";
    /// Tells a TLS client why its card is not accepted.
    TellsPresentationsApart => ["login.presentation.coarse", "message.fault.auth-equal", "answer.coarse", "message.fault.shape"], "カードの提示を拒否する理由を区別する";

    /// Tells by error text why a card is not accepted, of a login too.
    TellsLoginsApart => ["message.fault.auth-equal", "answer.coarse", "login.presentation.coarse", "message.fault.shape"], "カードを受け付けない理由を、ログインでもエラー文で区別する";

    /// Answers with the first checkpoint that it was asked for.
    OldStatus => ["ledger.status.current", "ledger.checkpoint.one-log"], "台帳の状態として最初のチェックポイントを示し続ける";
    /// States a period of after its answer.
    ShortPeriod => ["ledger.status.period"], "台帳の期間を、答えた時刻より後とする";
    /// States a period that was over an hour before its answer.
    EndedPeriod => ["ledger.status.period"], "台帳の期間の終わりを、答えた時刻の1時間前とする";
    /// Gives no receipts.
    OmitsReceipts => ["ledger.receipt.given"], "受領証を渡さない";
    /// Gives a receipt for each person who has a number, whoever asks.
    ReceiptsForAll => ["ledger.receipt.given"], "取決めのない者にも、番号を持つ人の数だけ受領証を渡す";
    /// The same beside an input that is granted, and nowhere else.
    ReceiptsBesideGranted => ["ledger.receipt.given"], "認めた MappingInput と並ぶときだけ、取決めのない者にも、番号を持つ人の数だけ受領証を渡す";
    /// Gives receipts for entries that it does not have.
    PromisesAnother => ["ledger.receipt.kept"], "持たない項目の受領証を渡す";
    /// Gives the same receipt every time.
    SameReceipt => ["ledger.receipt.salted", "ledger.receipt.kept"], "いつも同じ受領証を渡す";
    /// Records every access as a check of eligibility.
    MisstatesPurpose => ["ledger.entry.content", "history.entry.content"], "どのアクセスも資格確認として記録する";
    /// Puts numbers into the ledger.
    TellsNumberInLedger => ["ledger.entry.no-number", "ledger.entry.content"], "台帳に番号を入れる";
    /// Proves no more than it proved the first time.
    OldProof => ["ledger.proof.current", "ledger.proof.since", "ledger.receipt.kept", "ledger.entry.content"], "いつも最初の証明と同じところまでしか証明しない";
    /// Leaves the last entry out of proofs.
    DropsEntry => ["ledger.proof.holds", "ledger.proof.current", "ledger.receipt.kept", "ledger.entry.content"], "証明から最後の項目を落とす";
    /// Shows a chain of which nobody knows to whoever has seen a proof before.
    AnotherChain => ["ledger.proof.holds", "ledger.proof.current", "ledger.receipt.kept", "ledger.entry.content"], "前に証明を見た人に、別の鎖を示す";
    /// Changes an entry after it was recorded.
    AltersEntry => ["ledger.proof.holds", "ledger.entry.content"], "記録した項目を後から変える";
    /// Leaves the checkpoint that was seen before out of proofs.
    ForgetsCheckpoints => ["ledger.proof.since"], "前に示したチェックポイントを証明に含めない";
    /// Leaves a checkpoint that it has told as the state of its ledger out of proofs.
    ForgetsToldCheckpoints => ["ledger.proof.since"], "台帳の状態として渡したチェックポイントを証明に含めない";
    /// Signs each proof with a key of its own.
    ManyLogs => ["ledger.checkpoint.one-log", "ledger.proof.holds", "ledger.proof.since"], "証明ごとに別の鍵で署名する";

    /// Withholds nothing from the person, whoever wants it.
    IgnoresWithholding => ["ledger.withhold.hidden", "ledger.withhold.envelope"], "不開示を求められても何も伏せない";
    /// Records looks that it refuses for their ck:Withholding.
    RecordsRefusedWithholding => ["ledger.withhold.right"], "ck:Withholding のために拒否した閲覧を記録する";
    /// Lists a withheld entry only in the period in which its access was made.
    TellsWithheldTime => ["ledger.withhold.hidden", "ledger.withhold.envelope"], "伏せた項目を、そのアクセスの期間にだけ示す";
    /// Withholds entries a year longer than it was asked to.
    WithholdsLonger => ["ledger.withhold.opened"], "求められたより1年長く伏せる";
    /// Withholds entries until the day ends in UTC.
    WithholdsToUtcMidnight => ["ledger.withhold.opened"], "協定世界時で日が変わるまで伏せる";
    /// Shows what is recorded about the envelope of a withheld mapping.
    ShowsWithheldEnvelope => ["ledger.withhold.envelope"], "伏せた対応付けの封筒についての項目を示す";

    /// Remembers envelopes that were presented for a minute.
    ForgetsEnvelopes => ["envelope.use.once"], "提示された封筒を1分しか覚えない";
    /// Answers queries that say no day about the day in UTC.
    AnswersInUtc => ["linkage.answer.as-of", "linkage.answer.period", "linkage.answer.items"], "日のない照会に、協定世界時の日について答える";
    /// Takes insurance for begun and ended on days of UTC.
    HoldsInUtc => ["linkage.answer.period", "linkage.answer.items"], "資格の期間を協定世界時の日で判断する";
    /// Folds full-width characters of a number to half width.
    FoldsNumber => ["envelope.exact-number", "linkage.answer.items", "linkage.answer.person", "linkage.answer.facts"], "番号の全角文字を半角に変える";
    /// Answers about somebody else.
    AnswersForAnotherPerson => ["linkage.answer.person", "envelope.exact-number", "linkage.answer.as-of", "linkage.answer.items", "linkage.answer.facts"], "別の人について答える";
    /// Tells eligibility of somebody else where nothing else is asked for.
    MixesUpEligibility => ["linkage.answer.person"], "資格だけの照会に、別の人の資格を答える";
    /// Answers one period of the day, however many there are.
    AnswersOnePeriod => ["linkage.answer.period"], "その日を含む期間がいくつあっても、一つだけ答える";
    /// States another time of recording.
    MisstatesRecorded => ["linkage.answer.as-of"], "資格が記録された時刻を偽る";
    /// Names another insurer than itself.
    NamesAnotherInsurer => ["linkage.answer.facts"], "資格の保険者として別の者を示す";
    /// Names benefits otherwise than it has recorded them.
    RenamesBenefits => ["linkage.answer.facts"], "給付の種類を、記録と違う語で答える";
    /// Puts its number into the answer.
    EchoesNumber => ["linkage.answer.no-number"], "応答に自分の番号を入れる";
    /// Puts the name into the answer.
    TellsName => ["linkage.answer.no-name"], "応答に氏名を入れる";
    /// Answers items that were not asked for.
    AddsItems => ["linkage.answer.items", "linkage.answer.person", "linkage.answer.period", "linkage.answer.facts"], "求められていない項目も答える";
    /// Leaves asOf out of the eligibility.
    OmitsAsOf => ["linkage.answer.as-of"], "資格に asOf を付けない";
    /// Answers with a fault about a person without data.
    FaultForNoData => ["linkage.answer.no-data"], "データのない人について fault を返す";
    /// Answers, and notifies the relay only then.
    DisclosesAfterAnswer => ["linkage.disclosure.before-answer", "linkage.refusal.no-disclosure"], "答えた後で中継DBに通知する";
    /// Does not notify the relay.
    SkipsDisclosure => ["linkage.disclosure.before-answer"], "中継DBに通知しない";
    /// Names another requester in the notice.
    WrongNotice => ["linkage.disclosure.content"], "通知に別の照会元を書く";
    /// Answers although the relay gave no receipt.
    IgnoresMissingReceipt => ["linkage.disclosure.required", "linkage.disclosure.before-answer", "message.relates-to.answered"], "受領がなくても答える";
    /// Notifies the relay of queries that it refused.
    NotifiesRefusals => ["linkage.refusal.no-disclosure"], "拒否した照会も答えたと通知する";

    /// Changes an envelope before forwarding it.
    AltersEnvelope => ["requester.envelope.unchanged", "requester.query.headers"], "封筒を変えて送る";
    /// Sends an envelope to another party than its audience.
    SendsToOther => ["requester.envelope.only-target"], "封筒を Audience でない者に送る";
    /// States another purpose in the query.
    ChangesPurpose => ["requester.query.purpose"], "照会で別の利用目的を示す";
    /// Puts another party's number into its requests.
    TellsForeignNumber => ["requester.no-foreign-number"], "要求に他者の番号を入れる";
    /// Writes numbers into its log.
    LogsNumber => ["privacy.log.no-identifier"], "ログに番号を書く";
    /// Writes names into its log.
    LogsName => ["privacy.log.no-identifier"], "ログに氏名を書く";
    /// Writes visible numbers into its log.
    LogsVisibleNumber => ["privacy.log.no-identifier"], "ログに券面の番号を書く";
    /// Writes sessions into its log.
    LogsSession => ["privacy.log.no-identifier"], "ログにセッションを書く";
    /// Writes tickets into its log.
    LogsTicket => ["privacy.log.no-identifier"], "ログにチケットを書く";
}

impl Fault {
    /// The fault of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|fault| fault.name() == name)
    }
}

/// The faults of one party. Clones share what the party remembers for them.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    set: BTreeSet<Fault>,
    sealed: Arc<Mutex<BTreeMap<(String, String), Issued>>>,
    given: Arc<AtomicU64>,
    forgetful: Forgetful,
}

impl Faults {
    /// These faults.
    pub fn new(faults: impl IntoIterator<Item = Fault>) -> Self {
        Self { set: faults.into_iter().collect(), ..Self::default() }
    }

    /// Whether the party has this fault.
    #[must_use]
    pub fn has(&self, fault: Fault) -> bool {
        self.set.contains(&fault)
    }

    pub(crate) fn deviate<'a>(&self, mut compose: Compose<'a>) -> Compose<'a> {
        if self.has(Fault::LongTimestamp) {
            compose.lifetime = 3600;
        }
        if self.has(Fault::FutureTimestamp) {
            compose.created = UnixTime(compose.created.0.saturating_add(600));
        }
        if self.has(Fault::LeavesHeaderUnsigned) {
            compose.danger_unsigned = Some(ns::WSA.name("MessageID"));
        }
        if self.has(Fault::ChangesPurpose) && compose.target.is_some() {
            compose.purpose = Some(match compose.purpose {
                Some(stated) if stated == Purpose::BenefitAdjustment.uri() => Purpose::EligibilityCheck.uri(),
                _ => Purpose::BenefitAdjustment.uri(),
            });
        }
        compose
    }

    pub(crate) fn deviate_answer<'a>(&self, compose: Compose<'a>) -> Compose<'a> {
        let mut compose = self.deviate(compose);
        if self.has(Fault::OmitsRelatesTo) {
            compose.relates_to = None;
        }
        compose
    }

    pub(crate) fn deviate_fault(
        &self,
        fault: SoapFault,
        refusal: &Refusal,
        request: &Request<'_>,
    ) -> SoapFault {
        let mut text = String::from_utf8_lossy(&fault.body).into_owned();
        let mut add = |words: &str| {
            let words = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            text = text.replacen("</faultstring>", &format!(" ({words})</faultstring>"), 1);
        };
        let told = refusal.answer();
        let is_login = refusal.sentence().starts_with("login.");
        if (told == Told::Auth && self.has(Fault::TellsAuthApart))
            || (told == Told::Auth && is_login && self.has(Fault::TellsLoginsApart))
            || (told == Told::Dec && self.has(Fault::LeaksByErrorText))
        {
            add(&format!("{}: {}", refusal.reason(), refusal.expected()));
        }
        if self.has(Fault::EchoesInFaults) {
            add(&String::from_utf8_lossy(request.body));
        }
        if is_login && self.has(Fault::MiscodesLogins) {
            let target = "TargetIdentityNotValid";
            for code in
                ["ProviderIDNotValid", "CannotHonourUsageDirective", target, "StaleMsg", "DuplicateMsg"]
            {
                text = text.replace(code, "InvalidRequest");
            }
        }
        if self.has(Fault::OmitsFaultStatus)
            && let (Some(from), Some(until)) = (text.find("<detail>"), text.find("</detail>"))
        {
            text.replace_range(from..until.saturating_add("</detail>".len()), "");
        }
        let status = match refusal.reason() {
            _ if self.has(Fault::FaultAsSuccess) => 200,
            Reason::Signature if self.has(Fault::TellsAuthByStatus) => 400,
            _ => fault.status,
        };
        SoapFault { status, body: text.into_bytes() }
    }

    pub(crate) fn invent(&self, wanted: Scheme, is_stranger: bool) -> Option<Identifier> {
        let fault = if is_stranger { Fault::InventsPerson } else { Fault::TransientFallback };
        let kamogawa = "0".repeat(44);
        let text = match wanted {
            Scheme::CareInsured | Scheme::BasicPension => "0000000000",
            Scheme::MedicalInsured => "transient",
            Scheme::LateElderly => "00000000",
            Scheme::Resident => "00000000000",
            Scheme::Kamogawa => &kamogawa,
        };
        self.has(fault).then(|| Identifier::new(wanted, text).ok()).flatten()
    }

    /// What is recorded in the place of this entry.
    pub(crate) fn book(&self, mut entry: NewEntry) -> NewEntry {
        if self.has(Fault::MisstatesPurpose) {
            entry.purpose = Purpose::EligibilityCheck;
        }
        if let Some(until) = entry.withheld_until.as_mut().filter(|_| self.has(Fault::WithholdsLonger)) {
            until.0 = until.0.saturating_add(365 * 86_400);
        }
        if let Some(until) = entry.withheld_until.as_mut().filter(|_| self.has(Fault::WithholdsToUtcMidnight))
        {
            until.0 = until.0.div_euclid(86_400).saturating_add(1).saturating_mul(86_400);
        }
        if let Some((_, at)) = entry.asked.as_mut().filter(|_| self.has(Fault::MisstatesTimes)) {
            at.0 = at.0.saturating_sub(3600);
        }
        if self.has(Fault::LogsAgreedOnly) && entry.outcome == "Forbidden" {
            entry.person = None;
        }
        if self.has(Fault::IgnoresWithholding) {
            entry.withheld_until = None;
        }
        entry
    }

    /// What is promised in the place of these entries.
    pub(crate) fn promise(&self, mut receipts: Vec<Commitment>) -> Vec<Commitment> {
        if self.has(Fault::OmitsReceipts) {
            receipts.clear();
        }
        for Commitment(octets) in &mut receipts {
            if self.has(Fault::PromisesAnother) {
                octets.iter_mut().for_each(|octet| *octet = !*octet);
            }
            if self.has(Fault::SameReceipt) {
                *octets = [0; 32];
            }
        }
        receipts
    }

    /// What was used before, if the party forgets it.
    pub(crate) fn memory(&self, store: &Arc<dyn ReplayStore>, now: UnixTime) -> Option<&Memory> {
        self.forgetful.memory(self, store, now)
    }

    /// What is given out in the place of something random, as long as that, by a party that counts it.
    pub(crate) fn count(&self, fault: Fault, random: String) -> String {
        if !self.has(fault) {
            return random;
        }
        let number = self.given.fetch_add(1, Ordering::Relaxed);
        match random.strip_prefix('_') {
            Some(digits) => format!("_{number:0width$x}", width = digits.len()),
            None => format!("{number:0width$x}", width = random.len()),
        }
    }

    pub(crate) fn log_numbers(&self, request: &MappingRequest) -> Option<String> {
        let numbers = request.inputs.iter().map(|input| input.name_id.value.as_str());
        self.has(Fault::LogsNumber).then(|| numbers.collect::<Vec<_>>().join(" "))
    }

    /// What is written into the log about a login that is granted.
    pub(crate) fn log_login(&self, login: &Login, session: &str) -> Option<String> {
        let told = |fault, told: Option<&str>| told.filter(|_| self.has(fault)).map(str::to_owned);
        let (number, ticket) = match login {
            Login::Reception { patient: Patient::VisibleNumber(number), .. } => (Some(number.as_str()), None),
            Login::Ticket { ticket, .. } => (None, Some(ticket.as_str())),
            _ => (None, None),
        };
        told(Fault::LogsVisibleNumber, number)
            .or_else(|| told(Fault::LogsTicket, ticket))
            .or_else(|| told(Fault::LogsSession, Some(session)))
    }

    pub(crate) fn envelope(&self) -> Danger<'static> {
        Danger {
            misaddressed: self.has(Fault::WrongAudience),
            long: self.has(Fault::LongEnvelope),
            reusable: self.has(Fault::NoOneTimeUse),
            unpadded: self.has(Fault::NoPadding),
            snug: self.has(Fault::PadsToNext),
            telling: self.has(Fault::TellsNumber),
            holderless: self.has(Fault::NoHolderKey),
            misqualified: self.has(Fault::MisqualifiedNumber),
            unbound: self.has(Fault::UnboundEnvelope),
            unsigned: self.has(Fault::UnsignedEnvelope),
            linkable: self.has(Fault::LinkableEnvelope),
            reordered: self.has(Fault::ReordersEnvelope),
            linkable_id: self.has(Fault::LinkableIdentifier),
            sealed: None,
        }
    }

    pub(crate) fn issue(&self, mint: Mint<'_>, party: &Party) -> Result<Issued, Refusal> {
        if self.has(Fault::SealsForRequester)
            && let Some((requester, _)) = mint.holders.first()
            && let Some(certificate) = party.peer(requester)?.encryption(mint.now)
            && let Ok(key) = certificate.public_key()
        {
            return Mint { key: &key, ..mint }.issue(&party.issuing(), party.randomness.as_ref());
        }
        if !self.has(Fault::AlwaysSameEnvelope) && !self.has(Fault::ReusesContentKey) {
            return mint.issue(&party.issuing(), party.randomness.as_ref());
        }
        let key = (mint.target.to_owned(), mint.identifier.expose().to_owned());
        let before = self.sealed.lock().ok().and_then(|sealed| sealed.get(&key).cloned());
        if let Some(before) = before.as_ref().filter(|_| self.has(Fault::AlwaysSameEnvelope)) {
            return Ok(before.clone());
        }
        let again = before.filter(|_| self.has(Fault::ReusesContentKey)).and_then(|before| {
            let root = before.document.root();
            let sealed = root.descendants().find(|element| element.is(chukei_saml::ENCRYPTED_ID))?;
            let copy = Writer::build(|w| {
                w.graft(sealed);
            });
            copy.ok()
        });
        let mint = Mint { danger: Danger { sealed: again.as_ref(), ..mint.danger }, ..mint };
        let issued = mint.issue(&party.issuing(), party.randomness.as_ref())?;
        if let Ok(mut sealed) = self.sealed.lock() {
            sealed.entry(key).or_insert_with(|| issued.clone());
        }
        Ok(issued)
    }

    pub(crate) fn add_foreign(&self, mut request: MappingRequest) -> MappingRequest {
        if let Some(first) = request.inputs.first().filter(|_| self.has(Fault::TellsForeignNumber)) {
            let owner = first.target.clone().unwrap_or_default();
            let foreign = MappingInput {
                req_id: "foreign".to_owned(),
                name_id: NameId::new(Scheme::MedicalInsured.uri(), "港いろは１２３４").by(&owner),
                ..first.clone()
            };
            request.inputs.push(foreign);
        }
        request
    }

    pub(crate) fn mishandle(&self, mut envelope: Envelope, party: &Party) -> Result<Envelope, Refusal> {
        if self.has(Fault::AltersEnvelope) {
            let text = String::from_utf8_lossy(&envelope.document().write()).into_owned();
            let text = text.replacen("</saml:Conditions>", " </saml:Conditions>", 1);
            envelope.danger_alter(Document::parse(text)?);
        }
        if self.has(Fault::SendsToOther) {
            // The next by name: another responder, in the mock world.
            let known = [party.entity.as_str(), party.relay.as_str()];
            let mut others = party.federation.entities().filter(|other| !known.contains(&other.id.as_str()));
            if let Some(other) = others.find(|other| other.id > envelope.target) {
                envelope.target.clone_from(&other.id);
            }
        }
        Ok(envelope)
    }
}
