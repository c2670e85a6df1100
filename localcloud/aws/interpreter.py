"""Repairs of moto's state machine interpreter, each a function that replaces one thing.

Expressions, errors and time are here; what the Step Functions API answers is in `stepfunctions`, calls to other services in `sdk_tasks`.
"""

import copy
import re
import threading
from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped
from moto.stepfunctions.parser.asl.jsonata.jsonata import JSONataException
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

from localcloud.aws import jsonata
from localcloud.aws.clock import Clock
from localcloud.aws.map_runs import failed
from localcloud.aws.seams import Replacements

_ASL = "moto.stepfunctions.parser.asl"
_SERVICES = f"{_ASL}.component.state.exec.state_task.service"
_BY_DEFAULT = "localcloud.chosen-by-default"
_WHOLE_PERCENTAGE = re.compile(r'("ToleratedFailurePercentage"\s*:\s*\d+)(?=\s*[,}])')
_ENVIRONMENT = f"{_ASL}.eval.environment:Environment"


def install(replacements: Replacements, clock: Clock, client: Callable[[str], Any]) -> None:
    """Apply every repair; `client` gives boto3 clients of the local cloud."""
    _evaluate_jsonata(replacements)
    _parse_concurrently(replacements)
    _name_errors(replacements)
    _choose_exactly(replacements)
    _scale_time(replacements, clock)
    _interrupt_waiting_tasks(replacements)
    _begin_no_task_after_the_stop(replacements)
    _share_clients(replacements, client)


def _evaluate_jsonata(replacements: Replacements) -> None:
    """moto removed the Java bridge and left the hook empty; variables were not escaped, and `$` in predicates was refused."""

    def evaluate(expression: str) -> Any:
        try:
            return jsonata.evaluate(expression)
        except Exception as error:  # the library raises many types; each is a failed expression
            raise JSONataException("UNKNOWN", str(error)) from error

    replacements.replace(f"{_ASL}.jsonata.jsonata:_eval_jsonata", evaluate)
    replacements.replace(f"{_ASL}.jsonata.jsonata:_ILLEGAL_VARIABLE_REFERENCES", set())
    replacements.replace_everywhere(f"{_ASL}.jsonata.jsonata:encode_jsonata_variable_declarations", jsonata.declare)
    replacements.replace_everywhere(
        f"{_ASL}.component.intrinsic.jsonata:get_intrinsic_functions_declarations",
        lambda variable_references: "",
    )


def _parse_concurrently(replacements: Replacements) -> None:
    """The parser kept its query language stack in a class attribute, and parsed a definition anew for every execution."""

    def start_with_own_stack(preprocessor: Any) -> None:
        preprocessor._query_language_per_scope = []

    replacements.replace(f"{_ASL}.parse.preprocessor:Preprocessor.__init__", start_with_own_stack)
    parse = AmazonStateLanguageParser.parse
    tree_of = lru_cache(maxsize=256)(lambda definition: parse(definition)[1])

    def parse_once(definition: str) -> tuple[Any, Any]:
        tree = tree_of(_WHOLE_PERCENTAGE.sub(r"\1.0", definition))  # its grammar wants a fraction
        return Preprocessor().visit(tree), tree  # the tree is immutable, the program made from it is not

    replacements.replace(f"{_ASL}.parse.asl_parser:AmazonStateLanguageParser.parse", staticmethod(parse_once))


def _name_errors(replacements: Replacements) -> None:
    """A branch that failed with a `States.` name lost it."""

    def keep_any_name(name: Any, error_name: str | None) -> None:
        ErrorName.__init__(name, error_name=error_name)

    seam = f"{_ASL}.component.common.error_name.custom_error_name:CustomErrorName.__init__"
    replacements.replace(seam, keep_any_name)


def _choose_exactly(replacements: Replacements) -> None:
    """A Choice without a match lost its error name, and one whose match and default lead to the same state applied the default's variables."""

    def choose(state: Any, env: Any) -> None:
        matching = next((rule for rule in state.choices_decl.rules if _matches(rule, env)), None)
        chosen = matching.next_stmt.name if matching else state.default_state and state.default_state.state_name
        if chosen is None:
            raise _no_choice_matched(state, env)
        env.heap[_BY_DEFAULT] = matching is None
        env.stack.append(chosen)

    def finish(state: Any, env: Any) -> None:
        if not env.heap.pop(_BY_DEFAULT):
            state = copy.copy(state)  # the state is shared by concurrent iterations of a Map
            state.default_state = None
        original(state, env)

    choice = f"{_ASL}.component.state.choice.state_choice:StateChoice"
    replacements.replace(f"{choice}._eval_state", choose)
    original = replacements.replace(f"{choice}._eval_state_output", finish)


def _matches(rule: Any, env: Any) -> bool:
    rule.eval(env)
    return env.stack.pop() is True


def _no_choice_matched(state: Any, env: Any) -> Exception:
    cause = f"An error occurred while executing the state '{state.name}'. Failed to transition out of the state."
    return failed(env, "States.NoChoiceMatched", cause)


def _scale_time(replacements: Replacements, clock: Clock) -> None:
    """Wait states and retry intervals pass at the cloud's speed; stock waiting also looped on fractions of a second."""

    def wait(function: Any, env: Any, wait_seconds: float) -> None:
        end = clock.elapsed() + wait_seconds
        while env.is_running() and not clock.closed and (left := end - clock.elapsed()) > 0:
            # the event is set for an instant only and can be missed
            env.program_state_event.wait(min(clock.scaled(left), 0.2))

    seam = f"{_ASL}.component.state.wait.wait_function.wait_function:WaitFunction._wait_interval"
    replacements.replace(seam, wait)
    replacements.replace(f"{_ASL}.component.common.retry.retrier_decl:time", SimpleNamespace(sleep=clock.sleep))


def _interrupt_waiting_tasks(replacements: Replacements) -> None:
    """A stopped or timed out execution left threads waiting for their task tokens, and later overwrote its own end with a failure."""

    def stop(env: Any, stop_date: Any, cause: str | None, error: str | None) -> None:
        original_stop(env, stop_date, cause, error)
        _wake(env)

    def time_out(env: Any) -> None:
        original_time_out(env)
        _wake(env)

    def fail(env: Any, error: Any) -> None:
        if not isinstance(env.program_state(), ProgramStopped):
            original_fail(env, error)

    original_stop = replacements.replace(f"{_ENVIRONMENT}.set_stop", stop)
    original_time_out = replacements.replace(f"{_ENVIRONMENT}.set_timed_out", time_out)
    original_fail = replacements.replace(f"{_ENVIRONMENT}.set_error", fail)


def _begin_no_task_after_the_stop(replacements: Replacements) -> None:
    """A task of an execution that was stopped while its arguments were evaluated began all the same, with what lay on the stack instead."""
    seam = f"{_SERVICES}.state_task_service:StateTaskService._before_eval_execution"

    def begin(task: Any, env: Any, *arguments: Any, **named: Any) -> None:
        if not env.is_running():
            raise RuntimeError("the execution was stopped before its task began")
        original(task, env, *arguments, **named)

    original = replacements.replace(seam, begin)


def _wake(env: Any) -> None:
    for endpoint in list(env.callback_pool_manager._pool.values()):
        endpoint.interrupt_all()


def _share_clients(replacements: Replacements, client: Callable[[str], Any]) -> None:
    """moto made a boto3 client for every task, which costs more than the call."""
    lock = threading.Lock()

    def client_for(region: str, service: str, state_credentials: Any = None) -> Any:
        with lock:
            return client(service)

    replacements.replace_everywhere(f"{_ASL}.utils.boto_client:boto_client_for", client_for)
