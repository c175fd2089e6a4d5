/* The vote rules of the sequencer set, for every order of events in a small world: four validators
 * of weight one, one of them Byzantine, three views, two blocks a view with any parents.
 *
 * The Byzantine validator signs everything, so a certificate can exist as soon as the honest votes
 * for it and its own are a quorum. Messages are not modelled: a voter may know any subset of the
 * certificates that can exist, and knowing more only allows more. For the same reason nobody keeps
 * to a current view, and every leader may propose two blocks. All of that allows more than the
 * engine does; what holds here holds there.
 *
 * The rules an honest voter keeps to speak of its own votes in the same view and of certificates.
 * So within a view honest voters may be renamed, and their votes are kept sorted: the same states,
 * fewer of them.
 *
 * What a rule asks of other views is that certificates of lower ones exist, and those stay. So any
 * history can be told view by view, the lowest first, with the same certificates in the end; and of
 * a view that is told only its certificates matter. -DANY_ORDER does without both arguments: it
 * takes much longer.
 *
 * Checked in every state, docs/specs/sequencer.md: L1 one notarized block a view; L2 never a
 * FINALIZATION and a NULLIFICATION of one view; L3 whatever is notarized above a finalized block
 * extends it, hence finalized blocks are one chain.
 *
 * -DNO_R1, -DNO_R3, -DNO_CERTIFICATE, -DNO_JUSTIFICATION, -DQUORUM_2F each take a rule away, and a
 * counterexample must be found. -DNO_R2 takes away one that the proof does not need: none may be.
 */
#ifndef VIEWS
#define VIEWS 3
#endif
#define HONEST  3
#define WEIGHTS 4

/* A voter's votes in a view, as bits. Block 0 and block 1 of a view. */
#define NOTARIZE(block) (1 << (block))
#define NULLIFY         4
#define FINALIZE(block) (8 << (block))

#define VOTES(view, voter)       votes[(view)*HONEST + (voter)]
#define VOTED(view, voter, vote) ((VOTES(view, voter) & (vote)) != 0)
#define SUPPORT(view, vote)                                                                        \
    (1 + VOTED(view, 0, vote) + VOTED(view, 1, vote) + VOTED(view, 2, vote))
#ifdef QUORUM_2F
#define CERTIFIED(view, vote) (SUPPORT(view, vote) >= 2)
#else
#define CERTIFIED(view, vote) (3 * SUPPORT(view, vote) > 2 * WEIGHTS)
#endif

/* Parents: 0 not proposed yet, ROOT, or a block of an earlier view. */
#define ROOT               1
#define NAME(view, block)  (2 + 2 * (view) + (block))
#define VIEW_OF(name)      (((name)-2) / 2)
#define BLOCK_OF(name)     (((name)-2) % 2)
#define PARENT(view, block) parent[2 * (view) + (block)]
#define NOTARIZED(name)                                                                            \
    (CERTIFIED(VIEW_OF(name), NOTARIZE(BLOCK_OF(name))) ||                                         \
     CERTIFIED(VIEW_OF(name), FINALIZE(BLOCK_OF(name))))

byte votes[VIEWS * HONEST];
byte parent[2 * VIEWS];

/* Scratch, zero between steps, so that it adds no states. */
byte other, above, upper, at, spare;
bool just;

/* Condition (a) of a NOTARIZE: the parent is notarized or the root, and every view between is
 * nullified. */
inline justify(view, name)
{
    just = (name == ROOT || NOTARIZED(name));
#ifndef NO_JUSTIFICATION
    other = (name == ROOT -> 0 : VIEW_OF(name) + 1);
    do
    :: other < view -> just = just && CERTIFIED(other, NULLIFY); other++
    :: else -> break
    od;
    other = 0
#endif
}

inline sort(view)
{
    if
    :: VOTES(view, 0) > VOTES(view, 1) ->
       spare = VOTES(view, 0); VOTES(view, 0) = VOTES(view, 1); VOTES(view, 1) = spare
    :: else
    fi;
    if
    :: VOTES(view, 1) > VOTES(view, 2) ->
       spare = VOTES(view, 1); VOTES(view, 1) = VOTES(view, 2); VOTES(view, 2) = spare
    :: else
    fi;
    if
    :: VOTES(view, 0) > VOTES(view, 1) ->
       spare = VOTES(view, 0); VOTES(view, 0) = VOTES(view, 1); VOTES(view, 1) = spare
    :: else
    fi;
    spare = 0
}

/* Whatever is notarized above block `name`, which is final, extends it. */
inline check_descendants(name)
{
    above = VIEW_OF(name) + 1;
    do
    :: above == VIEWS -> break
    :: else ->
       upper = 0;
       do
       :: upper == 2 -> break
       :: else ->
          if
          :: NOTARIZED(NAME(above, upper)) ->
             at = NAME(above, upper);
             do
             :: at > NAME(VIEW_OF(name), 1) -> at = PARENT(VIEW_OF(at), BLOCK_OF(at))
             :: else -> break
             od;
             assert(at == name) /* L3 */
          :: else
          fi;
          upper++
       od;
       above++
    od;
    above = 0;
    upper = 0;
    at = 0
}

inline check()
{
    other = 0;
    do
    :: other == VIEWS -> break
    :: else ->
       assert(!(CERTIFIED(other, NOTARIZE(0)) && CERTIFIED(other, NOTARIZE(1)))); /* L1 */
       if
       :: CERTIFIED(other, FINALIZE(0)) ->
          assert(!CERTIFIED(other, NULLIFY)); /* L2 */
          check_descendants(NAME(other, 0))
       :: else
       fi;
       if
       :: CERTIFIED(other, FINALIZE(1)) ->
          assert(!CERTIFIED(other, NULLIFY)); /* L2 */
          check_descendants(NAME(other, 1))
       :: else
       fi;
       other++
    od;
    other = 0
}

inline cast(view, voter, vote)
{
    d_step {
        VOTES(view, voter) = VOTES(view, voter) | (vote);
        sort(view);
        check()
    }
}

#ifdef NO_R1
#define R1(view, voter, block) (!VOTED(view, voter, NOTARIZE(block)))
#else
#define R1(view, voter, block) (!VOTED(view, voter, NOTARIZE(0) | NOTARIZE(1)))
#endif
#ifdef NO_R2
#define R2(view, voter) true
#else
#define R2(view, voter) (!VOTED(view, voter, NULLIFY))
#endif
#ifdef NO_R3
#define R3(view, voter, vote) true
#else
#define R3(view, voter, vote) (!VOTED(view, voter, vote))
#endif
#ifdef NO_CERTIFICATE
#define HELD(view, block) (PARENT(view, block) != 0)
#else
#define HELD(view, block) CERTIFIED(view, NOTARIZE(block))
#endif

/* The view is told: votes that make a certificate are completed, the others forgotten. */
inline settle(view)
{
    spare = 0;
    spare = spare | (CERTIFIED(view, NOTARIZE(0)) -> NOTARIZE(0) : 0);
    spare = spare | (CERTIFIED(view, NOTARIZE(1)) -> NOTARIZE(1) : 0);
    spare = spare | (CERTIFIED(view, NULLIFY) -> NULLIFY : 0);
    spare = spare | (CERTIFIED(view, FINALIZE(0)) -> FINALIZE(0) : 0);
    spare = spare | (CERTIFIED(view, FINALIZE(1)) -> FINALIZE(1) : 0);
    VOTES(view, 0) = spare;
    VOTES(view, 1) = spare;
    VOTES(view, 2) = spare;
    spare = 0
}

/* A block is proposed, with a parent that somebody accepts. */
inline propose(view, block, name)
{
    select(name : 1 .. 2 * VIEWS - 1);
    if
    :: name < NAME(view, 0) ->
       d_step { justify(view, name) };
       if
       :: just -> just = false; PARENT(view, block) = name
       :: else -> just = false
       fi
    :: else
    fi
}

active proctype set()
{
    byte view, voter, block, name;

    do
    :: atomic {
#ifdef ANY_ORDER
           select(view : 0 .. VIEWS - 1);
#endif
           select(voter : 0 .. HONEST - 1);
           select(block : 0 .. 1);
           if
           :: voter == 0 && PARENT(view, block) == 0 &&
                  (block == 0 || PARENT(view, 0) != 0) ->
              propose(view, block, name)
           :: PARENT(view, block) != 0 && R1(view, voter, block) && R2(view, voter) ->
              d_step { justify(view, PARENT(view, block)) };
              if
              :: just -> just = false; cast(view, voter, NOTARIZE(block))
              :: else -> just = false
              fi
           :: block == 0 && !VOTED(view, voter, NULLIFY) &&
                  R3(view, voter, FINALIZE(0) | FINALIZE(1)) ->
              cast(view, voter, NULLIFY)
           :: !VOTED(view, voter, FINALIZE(0) | FINALIZE(1)) && R3(view, voter, NULLIFY) &&
                  HELD(view, block) ->
              cast(view, voter, FINALIZE(block))
#ifndef ANY_ORDER
           :: voter == 0 && block == 0 && view < VIEWS - 1 ->
              d_step { settle(view); view++ }
#endif
           :: else
           fi;
#ifdef ANY_ORDER
           view = 0;
#endif
           voter = 0; block = 0; name = 0
       }
    od
}
