"""The catalogue of failures: every code, the error it is raised as, what happened, whose move it is, what to do next.

One table feeds the errors, the tests and docs/errors.md, so that no page can describe a failure that does not exist.
"""

from typing import Literal, NamedTuple

Whose = Literal["you", "your team", "an approver", "the platform team", "time", "Dropforge"]


class Entry(NamedTuple):
    """One line of the catalogue: the error it is raised as, what happened, whose move it is, what to do."""

    error: str
    what: str
    whose: Whose
    next: str


CATALOGUE: dict[str, Entry] = {
    "WrongKeyLayout": Entry(
        "InvalidInput",
        "The object does not lie where a dataset can lie.",
        "you",
        "Upload to datasets/<project>/<dataset>/train.jsonl (or .jsonl.gz); names are lower-case letters, digits and dashes.",
    ),
    "BadInput": Entry(
        "InvalidInput",
        "The execution's input cannot be read.",
        "you",
        "Correct the named key; docs/journey.md, section Starting by hand, shows the whole input.",
    ),
    "EmptyFile": Entry(
        "InvalidInput", "The file is empty.", "you", "Check the export that wrote it, then upload it again."
    ),
    "UploadGone": Entry(
        "NotFound",
        "The uploaded version is no longer in the bucket.",
        "you",
        "Upload the file again; do not delete versions while a run reads them.",
    ),
    "BadManifest": Entry(
        "InvalidInput", "manifest.json cannot be read.", "you", "Write it as docs/journey.md shows and upload it last."
    ),
    "ManifestMismatch": Entry(
        "InvalidInput",
        "manifest.json and the files beside it disagree.",
        "you",
        "Upload the named file again, or correct the manifest, then upload manifest.json last.",
    ),
    "RoleUnknown": Entry(
        "InvalidInput",
        "It cannot be told whether a file is for training or for validation.",
        "you",
        'Start its name with `train` or `validation`, or give its line in manifest.json a "role", then upload manifest.json again.',
    ),
    "NoTrainFile": Entry(
        "InvalidInput",
        "The upload has nothing to train on.",
        "you",
        "Add a file whose name starts with `train`, then upload manifest.json again.",
    ),
    "ListingChanged": Entry(
        "InvalidInput",
        "What Dropforge wrote about the upload is not what lies there now.",
        "the platform team",
        "Find out who writes below .dropforge/ in the datasets bucket (its access log), then drop again.",
    ),
    "RangesUnread": Entry(
        "States.ExceedToleratedFailureThreshold",
        "A part of the upload could not be read.",
        "Dropforge",
        "Read the error of the failed part in the execution's map run, then drop again.",
    ),
    "DatasetRejected": Entry(
        "InvalidInput",
        "The dataset has rows that no training could use.",
        "you",
        "Mend the lines in report.json (written beside the upload), then upload the file again.",
    ),
    "UploadUnknown": Entry(
        "NotFound",
        "No such upload has become a dataset.",
        "you",
        "Name it as project/dataset or by the S3 URI of its upload, or plan the file itself; `dropforge runs` lists what was dropped.",
    ),
    "UploadUnread": Entry(
        "NotReady",
        "The upload has not been checked yet.",
        "time",
        "Ask again in a minute, or plan the file itself; `dropforge status` says how far the check is.",
    ),
    "DatasetTooLarge": Entry(
        "InvalidInput",
        "The dataset is larger than can be checked.",
        "you",
        "Split a large .gz file into smaller ones, or upload it unpacked; divide more than 1 TB or 100,000 files over several datasets.",
    ),
    "BadRunRequest": Entry(
        "InvalidInput", "The run request is not valid.", "you", "Correct the named key; docs/journey.md lists them all."
    ),
    "UnknownRecipe": Entry(
        "InvalidInput", "There is no such recipe.", "you", "Use one of the recipes that the evidence lists."
    ),
    "WrongKind": Entry(
        "InvalidInput",
        "The recipe trains on another kind of rows than this dataset has.",
        "you",
        "Choose a recipe for this kind, or convert the rows.",
    ),
    "RowsTooLong": Entry(
        "InvalidInput",
        "A row is longer than the recipe can read.",
        "you",
        "Shorten, split or drop the row that the cause names (and longer ones), or choose a recipe that reads longer rows.",
    ),
    "TooFewRows": Entry(
        "InvalidInput",
        "The dataset has fewer rows to train on than one training step takes.",
        "you",
        "Add rows, or lower parameters.batch_size or compute.nodes.",
    ),
    "InstanceTypeNotAllowed": Entry(
        "InvalidInput",
        "The recipe does not run on this instance type.",
        "you",
        "Use one of the instance types that the evidence lists.",
    ),
    "PriceUnknown": Entry(
        "InvalidInput",
        "This instance type has no price in the cluster's record, so the budget cannot be checked.",
        "the platform team",
        "Add its price to `prices` in the cluster's record (docs/operations.md, Clusters), or use an instance type that the evidence lists.",
    ),
    "BudgetTooSmall": Entry(
        "QuotaExceeded",
        "The run could cost more than its budget.",
        "your team",
        "Raise budget.max_usd, or lower nodes, epochs or steps.",
    ),
    "ProjectNotOnboarded": Entry(
        "NotFound",
        "The project is not known to Dropforge.",
        "the platform team",
        "Ask your platform team to onboard the project (docs/operations.md, section Projects).",
    ),
    "ClusterUnknown": Entry(
        "NotFound",
        "The project's cluster has no record.",
        "the platform team",
        "Write the cluster's parameter as docs/operations.md, section Clusters, shows.",
    ),
    "ImageUnknown": Entry(
        "NotFound",
        "The recipe's image has never been recorded.",
        "the platform team",
        "Build the image and record its digest (docs/operations.md, section Images).",
    ),
    "RunNotFound": Entry(
        "NotFound",
        "No such run or upload.",
        "you",
        "Use the name that `dropforge drop` printed, or an id that `dropforge runs` lists: it shows all that you may see.",
    ),
    "NotAMember": Entry(
        "InvalidInput",
        "This project's runs are its members'.",
        "the platform team",
        "Ask your platform team to add your role to the project's members (docs/operations.md, section Projects).",
    ),
    "BadOrder": Entry(
        "InvalidInput",
        "The request cannot be read, or does not say who sent it.",
        "you",
        "Use the command `dropforge`; it asks and signs as the function's URL wants it.",
    ),
    "DatasetUnknown": Entry(
        "NotFound",
        "The dataset to train on again has no accepted upload.",
        "the platform team",
        "Correct the parameter RetrainDataset (project/dataset), or drop the dataset once.",
    ),
    "RunStillRuns": Entry(
        "Conflict",
        "Only a run that has failed or was cancelled can be tried again.",
        "you",
        "Wait for its end, or cancel it first.",
    ),
    "RunHasItsModel": Entry(
        "Conflict",
        "The run has its model: there is nothing to try again.",
        "you",
        "To train on the same data once more, drop it with a `repeat` label in the run request.",
    ),
    "StillEnding": Entry(
        "NotReady",
        "The attempt before is still being torn down.",
        "time",
        "Nothing: it is tried again. If it lasts, the cluster does not answer; see docs/operations.md, section Sweep.",
    ),
    "RunCancelled": Entry(
        "States.Aborted",
        "Somebody cancelled the run.",
        "you",
        "Use `dropforge retry` when you want the model after all; it goes on from the newest good checkpoint.",
    ),
    "ExecutionGone": Entry(
        "Unexpected",
        "The run's execution does not exist any more.",
        "Dropforge",
        "Use `dropforge retry`; the ledger had a run that Step Functions does not know.",
    ),
    "JobStuck": Entry(
        "WorkloadFailed",
        "A job of the run has stopped making steps.",
        "you",
        "Read the last log lines for what it waits for, then use `dropforge retry`; it goes on from the newest good checkpoint.",
    ),
    "IdentityCollision": Entry(
        "Conflict",
        "Two different runs have the same short id.",
        "you",
        "Add a `repeat` label to the run request to give this run another identity.",
    ),
    "RunOver": Entry(
        "Conflict",
        "The run has ended, or is being cancelled; what was still under way for it was undone.",
        "you",
        "Nothing; use `dropforge retry` when you want the model after all.",
    ),
    "PassportDiffers": Entry(
        "Conflict",
        "Another passport lies where this run would write its own.",
        "the platform team",
        "Find out who wrote the object that is named; delete it if it is wrong, then `dropforge retry`.",
    ),
    "ApprovalVoid": Entry(
        "Conflict",
        "What was approved is not what is there.",
        "you",
        "Look at the model as it is now (`dropforge approve RUN` shows it), and decide on that.",
    ),
    "ApprovalOver": Entry(
        "Conflict",
        "Somebody has decided on this model already, or nobody has in time.",
        "you",
        "See who and why in `dropforge status`. A run with another `repeat` in its request (docs/journey.md) makes another model to decide on.",
    ),
    "NothingToApprove": Entry(
        "NotFound",
        "There is no model that waits for a decision.",
        "you",
        "See in `dropforge status` how far the run is; `dropforge models` lists what is registered.",
    ),
    "NotAnApprover": Entry(
        "InvalidInput",
        "You do not decide on this project's models.",
        "the platform team",
        "Ask one of the approvers in the evidence; who they are is in the project's spec (docs/operations.md, section Projects).",
    ),
    "OwnRun": Entry(
        "InvalidInput",
        "Nobody approves their own run.",
        "your team",
        "Ask an approver who is no member of the project; or have the platform team set `self_approval` in its spec.",
    ),
    "ApprovalNotAllowed": Entry(
        "InvalidInput",
        "The project's models need a person's yes.",
        "you",
        "Set `promotion.approval` to `manual`; or have the platform team set `automatic_approval` in the project's spec.",
    ),
    "DatasetRecalled": Entry(
        "Conflict",
        "The dataset was recalled: no model may be made of it.",
        "you",
        "Drop a corrected dataset; or, when the recall was a mistake, have a member lift it with `dropforge recall ... --lift`, then retry.",
    ),
    "DataUnknown": Entry(
        "NotFound",
        "Nothing of that name was ever believed as a dataset.",
        "you",
        "Name a dataset (project/dataset, or with its version), an object that was uploaded as part of one (s3://...), or a run.",
    ),
    "ModelUnknown": Entry(
        "NotFound",
        "No such model is registered.",
        "you",
        "Take the ARN, `group/version` or run id from `dropforge models`.",
    ),
    "FileSystemTaskFailed": Entry(
        "WorkloadFailed",
        "FSx for Lustre could not move the files.",
        "the platform team",
        "Read the message and the files in the evidence; check the data repository association, the bucket and its key, then use `dropforge retry`.",
    ),
    "FileSystemRefused": Entry(
        "InvalidInput",
        "FSx for Lustre does not take what the run asks of the file system.",
        "the platform team",
        "Read FSx's words in the cause; check the file system, its data repository associations and the function's role, then use "
        "`dropforge retry`.",
    ),
    "JobFailed": Entry(
        "WorkloadFailed",
        "A job of the run failed.",
        "you",
        "Read the cause and the last log lines, mend the data or the parameters, then drop again.",
    ),
    "JobDeadlineExceeded": Entry(
        "WorkloadFailed",
        "A job ran longer than its deadline.",
        "you",
        "Train fewer steps, or choose a larger instance type.",
    ),
    "JobVanished": Entry(
        "WorkloadFailed",
        "A job of the run was deleted while the run waited for it.",
        "your team",
        "Find out who deleted it (the cluster's audit log), then drop again.",
    ),
    "NothingHeldOut": Entry(
        "InvalidInput",
        "The gate asks for a number that only held-out rows give, and the dataset has none.",
        "you",
        "Upload the dataset with a validation file (docs/journey.md, manifest.json), or require `training_loss`, which says less.",
    ),
    "EvaluationUnreadable": Entry(
        "WorkloadFailed",
        "A job's evaluation cannot be read.",
        "you",
        "Let the container write its termination message as docs/evaluation.md says, then retry the run.",
    ),
    "EvaluationMismatch": Entry(
        "WorkloadFailed",
        "The evaluation measured another checkpoint than the one that was verified.",
        "you",
        "Let the evaluation come after the last step that writes the model, and report its manifest's SHA-256 (docs/evaluation.md).",
    ),
    "GateNotMet": Entry(
        "WorkloadFailed",
        "The model is not good enough to be registered. It is quarantined with the evidence.",
        "you",
        "Compare the numbers; change data or parameters and drop again. A retry with the same gate gives the same answer at once; if the "
        "gate is wrong, change `evaluation` in run.yaml and retry.",
    ),
    "GateNumberMissing": Entry(
        "WorkloadFailed",
        "A number that the gate asks for was not measured, so the model is not registered. It is quarantined with the evidence.",
        "you",
        "Read in the evaluation's report why it is missing; require a number that is there, or let the container measure it, then retry.",
    ),
    "CheckpointRejected": Entry(
        "WorkloadFailed",
        "The checkpoint in S3 is not whole.",
        "Dropforge",
        "Read which file or tensor is wrong in the evidence; the files on FSx are kept.",
    ),
    "CheckpointDamaged": Entry(
        "InvalidInput",
        "The checkpoint is not whole.",
        "you",
        "Copy the named file again from where it was written, or take an older checkpoint; then verify again.",
    ),
    "CheckpointUnfinished": Entry(
        "InvalidInput",
        "The checkpoint was not finished.",
        "you",
        "If its run still writes, verify again when it has ended; if not, take an older checkpoint: nothing completes this one.",
    ),
    "CheckpointUnknown": Entry(
        "InvalidInput",
        "There is no checkpoint that we can name.",
        "you",
        "Name the checkpoint's own folder; docs/checkpoints.md lists the shapes that are known.",
    ),
    "CheckpointsMixed": Entry(
        "InvalidInput",
        "Checkpoints of more than one run lie there.",
        "you",
        "Name the folder of one of them; the evidence lists them.",
    ),
    "JobsNotGone": Entry(
        "NotReady", "Jobs of a finished run still exist.", "time", "Nothing: their deletion is tried and read again."
    ),
    "AwsBusy": Entry("Unavailable", "AWS answered that it is busy.", "time", "Nothing: it is tried again."),
    "ClusterUnreachable": Entry(
        "Unavailable",
        "The cluster's API did not answer.",
        "time",
        "Nothing at first; if it lasts, the platform team checks the cluster's endpoint and network.",
    ),
    "ClusterRefused": Entry(
        "InvalidInput",
        "The cluster refused the request.",
        "the platform team",
        "Read the API server's message in the evidence; check the team's namespace, queue and access.",
    ),
    "ClusterTokenExpired": Entry(
        "InvalidInput",
        "The cluster takes our token for one of another time.",
        "the platform team",
        "Compare the clocks: a token is good for 15 minutes from its signature.",
    ),
    "ClusterNameMismatch": Entry(
        "InvalidInput",
        "The cluster takes our token for another cluster's.",
        "the platform team",
        "Correct `eks_name` in the cluster's spec (docs/operations.md, Clusters). If it is right, delete the role's access entry and make it "
        "again: it is bound to the role as it was.",
    ),
    "ClusterAccessMissing": Entry(
        "InvalidInput",
        "The cluster does not know our role.",
        "the platform team",
        "Make an access entry for the role (docs/operations.md, Clusters): aws eks create-access-entry --cluster-name NAME "
        "--principal-arn ROLE --kubernetes-groups dropforge-readers (or dropforge-writers).",
    ),
    "ClusterRoleDenied": Entry(
        "InvalidInput",
        "AWS does not let the function take the cluster's role.",
        "the platform team",
        "Check that the role which the cause names exists and that its trust policy names the function's role (docs/operations.md, Clusters); "
        "then retry the run.",
    ),
    "ClusterRuleMissing": Entry(
        "InvalidInput",
        "The cluster knows our role, and no rule of RBAC allows what it asked for.",
        "the platform team",
        "Apply the team's Roles and RoleBindings again (docs/operations.md, Clusters); the cause names verb, resource and namespace, the evidence "
        "the rule.",
    ),
    "RecordUnreadable": Entry(
        "InvalidInput",
        "The platform team's record of a project, a cluster or an image is not as it must be.",
        "the platform team",
        "Correct the parameter that the evidence names (docs/operations.md); the cause names the field. Then retry the run.",
    ),
    "NamespaceFull": Entry(
        "QuotaExceeded",
        "The team's namespace holds as many objects as its ResourceQuota allows.",
        "the platform team",
        "Raise the ResourceQuota of the team's namespace, or delete finished jobs; they go by themselves after a day. Then retry the run.",
    ),
    "ObjectHeld": Entry(
        "Conflict",
        "Another controller manages the same fields of the object on the cluster.",
        "the platform team",
        "Read which manager holds which field in the cause, and take it off that object.",
    ),
    "ExecutionTimedOut": Entry(
        "States.Timeout",
        "The run waited longer than it may.",
        "your team",
        "See with `dropforge status` which stage waited; raise the quota or shorten the run, then drop again.",
    ),
    "ExecutionAborted": Entry(
        "States.Aborted", "Somebody stopped the execution.", "you", "Drop again when you want the model after all."
    ),
    "Unexpected": Entry(
        "Unexpected",
        "Dropforge failed in a way nobody foresaw.",
        "Dropforge",
        "Open an issue with the evidence; dropping the same content again is safe.",
    ),
}
