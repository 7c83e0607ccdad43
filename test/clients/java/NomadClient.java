import com.hashicorp.nomad.apimodel.*;
import com.hashicorp.nomad.javasdk.*;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Drives an agent through HashiCorp's Java SDK. Every check prints one line: "ok NAME" or "FAIL NAME: why". */
public final class NomadClient {
  interface Check {
    void run() throws Exception;
  }

  static final NomadApiClient client = new NomadApiClient(System.getenv("NOMAD_ADDR"));
  static final WaitStrategy WAIT = WaitStrategy.waitForSeconds(20);
  static boolean failed = false;

  public static void main(String[] args) {
    check("register", NomadClient::register);
    check("read", NomadClient::read);
    check("blocking", NomadClient::blocking);
    check("nodes", NomadClient::nodes);
    check("scale", NomadClient::scale);
    check("plan", NomadClient::plan);
    check("cluster", NomadClient::cluster);
    check("missing", NomadClient::missing);
    check("deregister", NomadClient::deregister);
    System.exit(failed ? 1 : 0);
  }

  static void check(String name, Check check) {
    try {
      check.run();
      System.out.println("ok " + name);
    } catch (Exception | AssertionError error) {
      failed = true;
      System.out.println("FAIL " + name + ": " + (error.getCause() == null ? error : error.getCause()));
    }
  }

  static void must(boolean holds, String what) {
    if (!holds) throw new AssertionError(what);
  }

  interface Condition {
    boolean holds() throws Exception;
  }

  static void until(String what, Condition condition) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (!condition.holds()) {
      must(System.nanoTime() < deadline, what + " did not come about");
      Thread.sleep(50);
    }
  }

  static Job job() {
    Task task =
        new Task()
            .setName("t")
            .setDriver("raw_exec")
            .addConfig("command", "/bin/sleep")
            .addConfig("args", List.of("900"))
            .setResources(new Resources().setCpu(20).setMemoryMb(20));
    return new Job()
        .setId("bean")
        .setName("bean")
        .setType("service")
        .setDatacenters(List.of("dc1"))
        .setUpdate(new UpdateStrategy().setMinHealthyTime(0L))
        .addTaskGroups(new TaskGroup().setName("g").setCount(2).addTasks(task));
  }

  static long live() throws Exception {
    return client.getJobsApi().allocations("bean").getValue().stream()
        .filter(alloc -> alloc.getClientStatus().equals("running") && alloc.getDesiredStatus().equals("run"))
        .count();
  }

  static void register() throws Exception {
    EvaluationResponse answer = client.getJobsApi().register(job());
    Evaluation evaluation =
        client.getEvaluationsApi().pollForCompletion(answer, WAIT).getValue();
    must(evaluation.getStatus().equals("complete"), "the evaluation is " + evaluation.getStatus());
    until("two running allocations", () -> live() == 2);
    // A job cannot be scaled before its deployment has ended.
    until("a successful deployment", () -> client.getJobsApi().latestDeployment("bean").getValue().getStatus().equals("successful"));
  }

  static void read() throws Exception {
    ServerQueryResponse<Job> job = client.getJobsApi().info("bean");
    must(job.getValue().getTaskGroups().get(0).getCount() == 2, "another count");
    must(job.hadKnownLeader(), "no leader");
    must(job.getIndex().signum() > 0, "no index");
    must(client.getJobsApi().list("be").getValue().size() == 1, "not listed");
    must(client.getJobsApi().summary("bean").getValue().getSummary().get("g").getRunning() == 2, "another summary");
    String id = client.getJobsApi().allocations("bean").getValue().get(0).getId();
    Allocation alloc = client.getAllocationsApi().info(id).getValue();
    must(alloc.getJobId().equals("bean") && alloc.getTaskStates().get("t").getState().equals("running"), "another allocation");
    must(!client.getJobsApi().deployments("bean").getValue().isEmpty(), "no deployment");
  }

  static void blocking() throws Exception {
    ServerQueryResponse<Job> before = client.getJobsApi().info("bean");
    QueryOptions<Job> newer = QueryOptions.newerThan(before);
    newer.setWaitStrategy(WAIT);
    Thread writer =
        new Thread(
            () -> {
              try {
                client.getJobsApi().scaleGroup("bean", "g", 3, "more", Map.of(), null);
              } catch (Exception error) {
                throw new RuntimeException(error);
              }
            });
    writer.start();
    ServerQueryResponse<Job> after = client.getJobsApi().info("bean", newer);
    writer.join();
    must(after.getIndex().compareTo(before.getIndex()) > 0, "the index did not rise");
  }

  static void nodes() throws Exception {
    NodeListStub stub = client.getNodesApi().list().getValue().get(0);
    Node node = client.getNodesApi().info(stub.getId()).getValue();
    must(node.getStatus().equals("ready") && node.getDrivers().get("raw_exec").getHealthy(), "the node is not ready");
    must(client.getNodesApi().allocations(stub.getId()).getValue().size() >= 2, "no allocations on it");
  }

  static void scale() throws Exception {
    until("three running allocations", () -> live() == 3);
    JobScaleStatusResponse status = client.getJobsApi().scaleStatus("bean").getValue();
    must(status.getTaskGroups().get("g").getDesired() == 3, "another count");
  }

  static void plan() throws Exception {
    JobPlanResponse plan = client.getJobsApi().plan(job(), true).getValue();
    must(plan.getDiff().getType().equals("Edited"), "another difference: " + plan.getDiff().getType());
    DesiredUpdates updates = plan.getAnnotations().getDesiredTgUpdates().get("g");
    must(updates.getStop().intValue() == 1, "another plan: " + updates);
  }

  static void cluster() throws Exception {
    must(!client.getStatusApi().leader().getValue().isEmpty(), "no leader");
    must(client.getRegionsApi().list().getValue().equals(List.of("global")), "another region");
    must(client.getAgentApi().members().getValue().getMembers().size() == 1, "another number of members");
    must(client.getOperatorApi().getSchedulerConfiguration(null).getValue().getSchedulerConfig() != null, "no configuration");
    client.getSystemApi().garbageCollect();
  }

  static void missing() throws Exception {
    try {
      client.getJobsApi().info("none");
    } catch (ErrorResponseException error) {
      must(error.getServerErrorCode() == 404, "another code: " + error.getServerErrorCode());
      return;
    }
    throw new AssertionError("a job that is not there was read");
  }

  static void deregister() throws Exception {
    client.getJobsApi().deregister("bean", true);
    until("the job is gone", () -> client.getJobsApi().list("bean").getValue().isEmpty());
  }
}
